using MeKi.Kernels;
using MeKi.Kernels.Operations;

namespace MeKi.Model.Layers;

/// <summary>y = scale · W x + bias: a matrix [rows × columns] with what may come with it. Low-rank adapters of a matrix belong here, too.</summary>
/// <param name="Weight">W.</param>
/// <param name="Bias">[rows]; null for none.</param>
/// <param name="Scale">What the product is multiplied with.</param>
internal sealed record Linear(PanelMatrix Weight, float[]? Bias = null, float Scale = 1)
{
    /// <summary>Whether the product is all.</summary>
    public bool IsPlain => Bias is null && Scale == 1;
}

/// <summary>
/// One product of a region: an input, [n × columns], a matrix, and where the result goes, [n × rows]. Without a matrix there is nothing to do.
/// </summary>
internal readonly record struct Product(ActivationMatrix Input, Linear? Linear, ActivationMatrix Output)
{
    public static implicit operator Product((ActivationMatrix Input, Linear? Linear, ActivationMatrix Output) product) =>
        new(product.Input, product.Linear, product.Output);
}
