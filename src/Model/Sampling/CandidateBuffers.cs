namespace MeKi.Model.Sampling;

/// <summary>Where candidates are kept; it grows to what was needed once and is used again.</summary>
internal sealed class CandidateBuffers
{
    // Probabilities are summed by bins of 1/32 nat. Below the likeliest by more than 32 nats, 1e-14, all are one bin.
    public const int BinsOfNat = 32, Bins = 32 * BinsOfNat;

    public float[] Logits { get; private set; } = [];

    public int[] Tokens { get; private set; } = [];

    /// <summary>One for each candidate: exp(logit − max) or what is made of it.</summary>
    public double[] Masses { get; private set; } = [];

    /// <summary>One for each candidate: what they are sorted by.</summary>
    public double[] Keys { get; private set; } = [];

    public double[] BinMasses { get; } = new double[Bins];

    public LargestLogits Largest { get; } = new();

    public void Reserve(int candidates)
    {
        if (Logits.Length < candidates)
            (Logits, Tokens, Masses) = (new float[candidates], new int[candidates], new double[candidates]);
    }

    public Span<double> ReserveKeys(int candidates)
    {
        if (Keys.Length < candidates)
            Keys = new double[candidates];
        return Keys.AsSpan(0, candidates);
    }
}
