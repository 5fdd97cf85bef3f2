using System.Numerics;

namespace MeKi.Model.Sampling;

/// <summary>Finds the largest of many logits in one pass: what is not above the k-th largest so far costs a comparison of vectors.</summary>
internal sealed class LargestLogits
{
    private const int Slack = 256;

    // A logit in the upper half, larger ones first, and its token in the lower: a sort of these puts the first of equals first.
    private ulong[] _keys = [];
    private int _count, _most;
    private float _least;

    /// <summary>The k largest logits, the largest first, of equals the lower id's; none that is −∞.</summary>
    /// <param name="logits">None of them NaN.</param>
    /// <param name="tokens">Their tokens; where none are given, a logit's token is its place. Of equals at the border those that come first are kept.</param>
    /// <param name="k">1 or more.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlySpan<ulong> Find(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens, int k)
    {
        (_count, _most, _least) = (0, k, float.NegativeInfinity);
        int room = k + Math.Max(k, Slack);
        if (_keys.Length < room)
            _keys = new ulong[room];
        int i = 0, width = Vector<float>.Count;
        for (; i + 4 * width <= logits.Length; i += 4 * width)
        {
            ReadOnlySpan<float> some = logits.Slice(i, 4 * width);
            Vector<float> largest = Vector.Max(
                Vector.Max(new Vector<float>(some), new Vector<float>(some[width..])),
                Vector.Max(new Vector<float>(some[(2 * width)..]), new Vector<float>(some[(3 * width)..])));
            if (Vector.GreaterThanAny(largest, new Vector<float>(_least)))
                Take(some, tokens, i);
        }
        Take(logits[i..], tokens, i);
        Narrow();
        return _keys.AsSpan(0, _count);
    }

    public static int Token(ulong key) => (int)(uint)key;

    public static float Logit(ulong key)
    {
        uint ordered = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle(ordered >= 0x80000000 ? ordered & 0x7FFFFFFF : ~ordered);
    }

    public static ulong Key(float logit, int token)
    {
        // A negative zero is a zero.
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        uint ordered = bits >= 0x80000000 ? ~bits : bits | 0x80000000;
        return ((ulong)~ordered << 32) | (uint)token;
    }

    private void Take(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens, int first)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] > _least)
            {
                if (_count == _keys.Length)
                    Narrow();
                _keys[_count++] = Key(logits[i], tokens.IsEmpty ? first + i : tokens[first + i]);
            }
        }
    }

    private void Narrow()
    {
        _keys.AsSpan(0, _count).Sort();
        if (_count < _most)
            return;
        _count = _most;
        _least = Logit(_keys[_count - 1]);
    }
}
