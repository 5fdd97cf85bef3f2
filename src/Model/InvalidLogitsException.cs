using System.Globalization;

namespace MeKi.Model;

/// <summary>A model's logits are no distribution: one is NaN or infinite, or all are −∞. No token can be chosen or scored; its weights or rows are
/// damaged.</summary>
public sealed class InvalidLogitsException : InvalidOperationException
{
    /// <summary>Builds the message.</summary>
    /// <param name="value">The logit that no other exceeds.</param>
    public InvalidLogitsException(double value)
        : base($"The model's logits hold {value.ToString(CultureInfo.InvariantCulture)}; its weights or rows are damaged.")
    {
    }
}
