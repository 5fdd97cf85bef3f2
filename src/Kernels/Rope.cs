using System.Numerics;

namespace MeKi.Kernels;

/// <summary>
/// Rotary position embedding (Su et al., 2021): a pair of a head's values is turned by position · theta^(−2i/D), or as a <see cref="RopeScaling"/> changes it.
/// Pairs are (x[i], x[i + D/2]), as in Hugging Face's checkpoints, or neighbours (x[2i], x[2i + 1]), as in GGUF files of Llama. Frequencies are computed in
/// float64 and rounded; angles are float32, as in the models' training code.
/// </summary>
internal sealed class Rope
{
    private readonly float[] _frequencies;
    private readonly float _magnitude;
    private readonly int _headSize;
    private readonly bool _neighbours;
    private float[] _cosines = [];
    private float[] _sines = [];

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="dimension">D, even: values of a head that are turned, its first.</param>
    /// <param name="theta">The base.</param>
    /// <param name="scaling">How the model reaches beyond its first training; null where it does not.</param>
    /// <param name="headSize">Values of a head; 0 for <paramref name="dimension"/>.</param>
    /// <param name="neighbours">Whether pairs are neighbours.</param>
    public Rope(int dimension, float theta, RopeScaling? scaling = null, int headSize = 0, bool neighbours = false)
    {
        (_headSize, _neighbours) = (headSize == 0 ? dimension : headSize, neighbours);
        double[] frequencies = new double[dimension / 2];
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] = FixedMath.Pow(theta, -2.0 * i / dimension);
        _magnitude = (float)(scaling?.Apply(frequencies, theta) ?? 1);
        _frequencies = [.. frequencies.Select(frequency => (float)frequency)];
    }

    /// <summary>Radians by which each pair turns from one position to the next, [D/2].</summary>
    public ReadOnlySpan<float> Frequencies => _frequencies;

    /// <summary>What turned pairs are multiplied with; 1 but for YaRN.</summary>
    public float Magnitude => _magnitude;

    /// <summary>Computes the angles of a batch, once for all heads of all layers.</summary>
    /// <param name="positions">Position of each row in its sequence.</param>
    public void Prepare(ReadOnlySpan<int> positions)
    {
        int half = _frequencies.Length;
        if (_cosines.Length < checked(positions.Length * half))
            (_cosines, _sines) = (new float[positions.Length * half], new float[positions.Length * half]);
        for (int at = 0; at < positions.Length * half; at++)
        {
            (float sine, float cosine) = FixedMath.SinCos(positions[at / half] * _frequencies[at % half]);
            (_sines[at], _cosines[at]) = (_magnitude * sine, _magnitude * cosine);
        }
    }

    /// <summary>Rotates every head of a row in place.</summary>
    /// <param name="heads">Queries or keys, [heads · head size].</param>
    /// <param name="row">The row within the batch last prepared.</param>
    public void Rotate(Span<float> heads, int row)
    {
        int half = _frequencies.Length;
        ReadOnlySpan<float> cosines = _cosines.AsSpan(row * half, half), sines = _sines.AsSpan(row * half, half);
        for (int at = 0; at < heads.Length; at += _headSize)
        {
            if (_neighbours)
                TurnNeighbours(heads.Slice(at, 2 * half), cosines, sines);
            else
                Turn(heads.Slice(at, half), heads.Slice(at + half, half), cosines, sines);
        }
    }

    private static void TurnNeighbours(Span<float> pairs, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        for (int i = 0; i < cosines.Length; i++)
        {
            (float l, float r) = (pairs[2 * i], pairs[2 * i + 1]);
            (pairs[2 * i], pairs[2 * i + 1]) = (l * cosines[i] - r * sines[i], r * cosines[i] + l * sines[i]);
        }
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
