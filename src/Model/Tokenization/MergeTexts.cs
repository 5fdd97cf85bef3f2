using System.Collections;
using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>Merges as texts of two parts. GGUF has a space between them, which no byte-level token contains.</summary>
/// <param name="texts">The merges in order of rank; see <see cref="IsMerge"/>.</param>
/// <param name="between">The byte between the parts.</param>
internal sealed class MergeTexts(Utf8Strings texts, byte between = (byte)' ') : IReadOnlyList<(string Left, string Right)>
{
    public int Count => texts.Count;

    public (string Left, string Right) this[int rank]
    {
        get
        {
            ReadOnlySpan<byte> text = texts.Bytes(rank);
            int space = text.IndexOf(between);
            return (Encoding.UTF8.GetString(text[..space]), Encoding.UTF8.GetString(text[(space + 1)..]));
        }
    }

    /// <summary>Whether a text has two parts, with a space between.</summary>
    public static bool IsMerge(ReadOnlySpan<byte> text) => text.IndexOf((byte)' ') is > 0 and int space && space < text.Length - 1;

    /// <summary>Writes both parts of a merge one after the other.</summary>
    /// <param name="rank">Which merge.</param>
    /// <param name="joined">Receives them; grows where it is too short.</param>
    /// <returns>The length of the left part and of both.</returns>
    public (int Left, int Both) Join(int rank, ref byte[] joined)
    {
        ReadOnlySpan<byte> text = texts.Bytes(rank);
        if (joined.Length < text.Length)
            joined = new byte[text.Length];
        int space = text.IndexOf(between);
        text[..space].CopyTo(joined);
        text[(space + 1)..].CopyTo(joined.AsSpan(space));
        return (space, text.Length - 1);
    }

    /// <summary>As <see cref="Join(int, ref byte[])"/>, however the merges are stored.</summary>
    public static (int Left, int Both) Join(IReadOnlyList<(string Left, string Right)> merges, int rank, ref byte[] joined)
    {
        if (merges is MergeTexts spelt)
            return spelt.Join(rank, ref joined);
        (string left, string right) = merges[rank];
        int leftBytes = Encoding.UTF8.GetByteCount(left), both = leftBytes + Encoding.UTF8.GetByteCount(right);
        if (joined.Length < both)
            joined = new byte[both];
        Encoding.UTF8.GetBytes(left, joined);
        Encoding.UTF8.GetBytes(right, joined.AsSpan(leftBytes));
        return (leftBytes, both);
    }

    public IEnumerator<(string Left, string Right)> GetEnumerator()
    {
        for (int rank = 0; rank < Count; rank++)
            yield return this[rank];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
