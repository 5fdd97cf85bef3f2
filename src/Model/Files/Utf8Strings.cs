using System.Collections;
using System.Text;

namespace MeKi.Model.Files;

/// <summary>
/// Texts as UTF-8, one after the other in one block of memory; a string is made when one is asked for. The 151,936 tokens of Qwen3 take 2 MB so, and 8 MB as
/// as many strings.
/// </summary>
/// <param name="bytes">The texts, valid UTF-8.</param>
/// <param name="ends">Where each ends, ascending.</param>
/// <param name="nameOfEmpty">What a text without bytes is called; null to leave it empty.</param>
internal sealed class Utf8Strings(byte[] bytes, int[] ends, Func<int, string>? nameOfEmpty = null) : IReadOnlyList<string>
{
    public int Count => ends.Length;

    public string this[int index] => Bytes(index) is { IsEmpty: false } text ? Encoding.UTF8.GetString(text) : nameOfEmpty?.Invoke(index) ?? "";

    /// <summary>The same texts. A half of a surrogate pair becomes U+FFFD.</summary>
    public static Utf8Strings Of(IReadOnlyList<string> texts)
    {
        if (texts is Utf8Strings same)
            return same;
        int[] ends = new int[texts.Count];
        for (int i = 0, end = 0; i < ends.Length; i++)
            ends[i] = end += Encoding.UTF8.GetByteCount(texts[i]);
        byte[] bytes = new byte[ends.LastOrDefault()];
        for (int i = 0, start = 0; i < ends.Length; start = ends[i++])
            Encoding.UTF8.GetBytes(texts[i], bytes.AsSpan(start));
        return new(bytes, ends);
    }

    /// <summary>One text.</summary>
    public ReadOnlySpan<byte> Bytes(int index)
    {
        int start = index == 0 ? 0 : ends[index - 1];
        return bytes.AsSpan(start, ends[index] - start);
    }

    /// <summary>How many bytes all texts have together.</summary>
    public int TotalBytes => ends.LastOrDefault();

    public string[] ToArray()
    {
        string[] texts = new string[Count];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = this[i];
        return texts;
    }

    public IEnumerator<string> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
