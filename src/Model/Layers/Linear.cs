using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Architectures;

namespace MeKi.Model.Layers;

/// <summary>y = scale · (W x + what adapters add) + bias: a matrix [rows × columns] with what may come with it.</summary>
/// <param name="Weight">W.</param>
/// <param name="Bias">[rows]; null for none.</param>
/// <param name="Scale">What the product is multiplied with.</param>
internal sealed record Linear(PanelMatrix Weight, float[]? Bias = null, float Scale = 1)
{
    private static readonly int s_roles = Enum.GetValues<Role>().Length;

    /// <summary>The number by which adapters know the matrix.</summary>
    public int Id { get; init; }

    /// <summary>One more than the last number of a model of so many layers.</summary>
    public static int Ids(int layers) => layers * s_roles;

    /// <summary>The number of a matrix; that of one which is no layer's stands among the first layer's.</summary>
    public static int IdOf(int layer, Role role) => layer * s_roles + (int)role;

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
