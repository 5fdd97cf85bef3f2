namespace MeKi.Quant;

/// <summary>
/// Finds the scale s of a sub-block coded around zero, <c>x ≈ s · q</c>, that leaves a small error Σ w (x − s·q)², w = x². It begins with codes that put the
/// value of largest magnitude on the negative side, then changes one code after the other to what is best for the scale of the others, up to five times
/// through. (The facts are ggml's <c>make_q3_quants</c>.)
/// </summary>
internal static class CodewiseScaleSearch
{
    private const int Rounds = 5;

    /// <summary>Searches.</summary>
    /// <param name="x">The sub-block.</param>
    /// <param name="middle">The code of zero, half the number of codes.</param>
    /// <param name="codes">Receives the codes, counted from zero: −middle … middle − 1.</param>
    /// <returns>The scale, negative if the extreme is positive; 0 where all values count as zero.</returns>
    public static float Find(ReadOnlySpan<float> x, int middle, Span<sbyte> codes)
    {
        float magnitude = 0, extreme = 0;
        foreach (float value in x)
        {
            if (Math.Abs(value) > magnitude)
                (magnitude, extreme) = (Math.Abs(value), value);
        }
        if (magnitude < SignedScaleSearch.Zero)
        {
            // As ggml leaves them; what they are decodes to zeros.
            codes.Fill((sbyte)-middle);
            return 0;
        }
        float inverse = -middle / extreme, xq = 0, qq = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int q = Round(inverse * x[i], middle);
            codes[i] = (sbyte)q;
            float weight = x[i] * x[i];
            xq += weight * x[i] * q;
            qq += weight * q * q;
        }
        bool changed = true;
        for (int round = 0; round < Rounds && changed; round++)
        {
            changed = false;
            for (int i = 0; i < x.Length; i++)
            {
                float weight = x[i] * x[i], otherXQ = xq - weight * x[i] * codes[i];
                if (!(otherXQ > 0))
                    continue;
                float otherQQ = qq - weight * codes[i] * codes[i];
                int q = Round(x[i] * otherQQ / otherXQ, middle);
                if (q == codes[i])
                    continue;
                otherXQ += weight * x[i] * q;
                otherQQ += weight * q * q;
                // The error is Σ w·x² − (Σ w·x·q)² / Σ w·q²: the larger the quotient, the better.
                if (otherQQ > 0 && otherXQ * otherXQ * qq > xq * xq * otherQQ)
                {
                    (codes[i], xq, qq) = ((sbyte)q, otherXQ, otherQQ);
                    changed = true;
                }
            }
        }
        return qq > 0 ? xq / qq : 0;
    }

    /// <summary>The nearest code, ties to even; NaN becomes the least on every machine.</summary>
    public static int Round(float exact, int middle)
    {
        float rounded = MathF.Round(exact);
        return rounded > -middle ? (int)Math.Min(rounded, middle - 1) : -middle;
    }
}
