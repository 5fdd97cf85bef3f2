namespace MeKi.Kernels.Vectors;

/// <summary>
/// Half-precision numbers that were widened by moving their bits to where float32 has them: exact, but too small, as the exponents' zeros differ.
/// </summary>
internal static class MovedHalf
{
    /// <summary>What they are to be multiplied with: 2^112.</summary>
    public const float Scale = 5.192296858534828e33f;
}
