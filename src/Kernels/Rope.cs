namespace MeKi.Kernels;

/// <summary>
/// Rotary position embedding (Su et al., 2021) in the half-split form of Llama and Qwen checkpoints: the pair (x[i], x[i + D/2]) of a head is turned by
/// position · theta^(−2i/D). Angles are float32, as in the models' training code.
/// </summary>
public sealed class Rope
{
    private readonly float[] _frequencies;

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="headDimension">D, even.</param>
    /// <param name="theta">The base.</param>
    public Rope(int headDimension, float theta)
    {
        _frequencies = new float[headDimension / 2];
        for (int i = 0; i < _frequencies.Length; i++)
            _frequencies[i] = 1 / MathF.Pow(theta, 2f * i / headDimension);
    }

    /// <summary>Rotates every head of each row in place; row r stands at <paramref name="firstPosition"/> + r.</summary>
    /// <param name="x">Queries or keys, [rows × heads · D].</param>
    /// <param name="rows">Rows to rotate.</param>
    /// <param name="firstPosition">Position of row 0 in the sequence.</param>
    public void Rotate(ActivationMatrix x, int rows, int firstPosition)
    {
        int half = _frequencies.Length;
        Span<float> cos = stackalloc float[half], sin = stackalloc float[half];
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < half; i++)
                (sin[i], cos[i]) = MathF.SinCos((firstPosition + row) * _frequencies[i]);
            Span<float> heads = x.Row(row);
            for (int at = 0; at < heads.Length; at += 2 * half)
            {
                Span<float> left = heads.Slice(at, half), right = heads.Slice(at + half, half);
                for (int i = 0; i < half; i++)
                    (left[i], right[i]) = (left[i] * cos[i] - right[i] * sin[i], right[i] * cos[i] + left[i] * sin[i]);
            }
        }
    }
}
