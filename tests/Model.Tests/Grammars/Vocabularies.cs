using System.Text;
using MeKi.Model.Grammars.Masks;

namespace MeKi.Tests.Grammars;

/// <summary>Vocabularies for masks.</summary>
internal static class Vocabularies
{
    /// <summary>All bytes, pieces of JSON that cross its tokens' borders, words, parts of characters; the last token ends a text.</summary>
    public static TokenVocabulary Small { get; } = Make();

    private static TokenVocabulary Make()
    {
        List<byte[]> texts = [.. Enumerable.Range(0, 256).Select(static value => new[] { (byte)value })];
        string[] pieces =
        [
"{\"", "\":", "\": ", "\",\"", "\", \"", "\":\"", "\": \"", "\"}", "\"]", "}}", "]}", "},", "}, ", "],", "[[", "[{", "[\"", "\"\"", "{}",
            "[]", ":{", ":[", ",\"", ", ", "\n", "\n  ", "\n    ", "  ", "\\n", "\\\"", "\\u", "\\u00", "00", "12", "123", "1.5", ".0", "0.", "-1",
            "e+", "E-1", "true", "false", "null", "tr", "nul", "name", "id", "a", "ab", "abc", "b", "c\"", "foo", "bar", "baz", "kind", "value",
            "cat", "dog", "the", " quick", "xyz", "é", "ü", "😀", "日本", "\"a\":1", "\"a\":1,\"b\":2}", "\",\"b", "2024-", "-0", "@", ".com", "http://",
            "::", "AAAA", "x-", "a\",\"a\"", "1,1", "1,2", "{\"a\":{\"a\":", "[1,", "]]", "}]",
        ];
        texts.AddRange(pieces.Select(Encoding.UTF8.GetBytes));
        texts.Add([0xE6, 0x97]);
        texts.Add([0xA5, (byte)'"']);
        texts.Add([0xF0, 0x9F, 0x98]);
        texts.Add([]);
        return new([.. texts.Select(static text => (ReadOnlyMemory<byte>)text)], [texts.Count - 1]);
    }
}
