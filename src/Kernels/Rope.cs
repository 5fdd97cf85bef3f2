using System.Numerics;

namespace MeKi.Kernels;

/// <summary>
/// Rotary position embedding (Su et al., 2021) in the half-split form of Llama and Qwen checkpoints: the pair (x[i], x[i + D/2]) of a head is turned by
/// position · theta^(−2i/D), or as a <see cref="RopeScaling"/> changes it. Frequencies are computed in float64 and rounded; angles are float32, as in the models'
/// training code.
/// </summary>
public sealed class Rope
{
    private readonly float[] _frequencies;
    private readonly float _magnitude;
    private float[] _cosines = [];
    private float[] _sines = [];

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="headDimension">D, even.</param>
    /// <param name="theta">The base.</param>
    /// <param name="scaling">How the model reaches beyond its first training; null where it does not.</param>
    public Rope(int headDimension, float theta, RopeScaling? scaling = null)
    {
        double[] frequencies = new double[headDimension / 2];
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] = FixedMath.Pow(theta, -2.0 * i / headDimension);
        _magnitude = (float)(scaling?.Apply(frequencies, theta) ?? 1);
        _frequencies = [.. frequencies.Select(frequency => (float)frequency)];
    }

    /// <summary>Radians by which each pair turns from one position to the next, [D/2].</summary>
    public ReadOnlySpan<float> Frequencies => _frequencies;

    /// <summary>What turned pairs are multiplied with; 1 but for YaRN.</summary>
    public float Magnitude => _magnitude;

    /// <summary>Computes the angles of a batch, once for all heads of all layers.</summary>
    /// <param name="firstPosition">Position of row 0 in the sequence.</param>
    /// <param name="rows">Rows of the batch.</param>
    public void Prepare(int firstPosition, int rows)
    {
        int half = _frequencies.Length;
        if (_cosines.Length < rows * half)
            (_cosines, _sines) = (new float[rows * half], new float[rows * half]);
        for (int at = 0; at < rows * half; at++)
        {
            (float sine, float cosine) = FixedMath.SinCos((firstPosition + at / half) * _frequencies[at % half]);
            (_sines[at], _cosines[at]) = (_magnitude * sine, _magnitude * cosine);
        }
    }

    /// <summary>Rotates every head of a row in place.</summary>
    /// <param name="heads">Queries or keys, [heads · D].</param>
    /// <param name="row">The row within the batch last prepared.</param>
    public void Rotate(Span<float> heads, int row)
    {
        int half = _frequencies.Length;
        ReadOnlySpan<float> cosines = _cosines.AsSpan(row * half, half), sines = _sines.AsSpan(row * half, half);
        for (int at = 0; at < heads.Length; at += 2 * half)
            Turn(heads.Slice(at, half), heads.Slice(at + half, half), cosines, sines);
    }

    private static void Turn(Span<float> left, Span<float> right, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= left.Length; i += Vector<float>.Count)
        {
            Vector<float> l = new(left[i..]), r = new(right[i..]), cos = new(cosines[i..]), sin = new(sines[i..]);
            (l * cos - r * sin).CopyTo(left[i..]);
            (r * cos + l * sin).CopyTo(right[i..]);
        }
        for (; i < left.Length; i++)
            (left[i], right[i]) = (left[i] * cosines[i] - right[i] * sines[i], right[i] * cosines[i] + left[i] * sines[i]);
    }
}
