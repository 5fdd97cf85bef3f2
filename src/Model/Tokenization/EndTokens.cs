using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>Which tokens end a text: those that the files declare, and those whose names end one in every model that has them.</summary>
internal static class EndTokens
{
    // The names that llama.cpp knows. Whatever a file says of their type, nobody means them as text.
    private static readonly string[] s_certain =
    [
        "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
        "<end_of_turn>", "<turn|>", "<|tool_response>", "[e~[", "<EOT>", "_<EOT>", "[EOT]", "<end_of_utterance>", "<｜end▁of▁sentence｜>",
    ];

    // Text as well: HTML has "</s>", and so has Qwen's vocabulary, as an ordinary token. They count where the file marks them or nothing else would end a text.
    private static readonly string[] s_likely = ["</s>", "<eos>", "[EOS]"];

    private static readonly byte[][] s_names = [.. s_certain.Concat(s_likely).Select(Encoding.UTF8.GetBytes)];
    private static readonly int s_shortest = s_names.Min(static name => name.Length), s_longest = s_names.Max(static name => name.Length);

    /// <summary>The declared ids in their order, or the likeliest one where none is declared; then those that names tell, ascending.</summary>
    public static int[] Find(IReadOnlyCollection<int> declared, IReadOnlyList<string> tokens, IReadOnlyList<TokenKind> kinds) =>
        Find(declared, Named(tokens, kinds, declared.Count > 0));

    /// <summary>As above, and makes control tokens of those that names tell.</summary>
    /// <param name="declared">The ids that the files declare.</param>
    /// <param name="tokens">The vocabulary.</param>
    /// <param name="kinds">What the file says of each token; receives the change.</param>
    /// <param name="warnings">Receives a line where something was changed.</param>
    public static int[] Find(IReadOnlyCollection<int> declared, IReadOnlyList<string> tokens, TokenKind[] kinds, List<string> warnings)
    {
        (int Id, int Name)[] named = Named(tokens, kinds, declared.Count > 0);
        (int Id, int Name)[] unmarked = [.. named.Where(token => kinds[token.Id] != TokenKind.Control)];
        // Gemma 4's own files call this one user-defined.
        (int Id, int Name)[] odd = [.. unmarked.Where(static token => s_certain.ElementAtOrDefault(token.Name) != "<|tool_response>")];
        if (odd.Length > 0)
        {
            string names = string.Join(", ", odd.Select(token => $"{Encoding.UTF8.GetString(s_names[token.Name])} ({token.Id})"));
            warnings.Add(odd.Length == 1 ? $"{names} ends a text by name; the file does not say that it is a control token"
                : $"{names} end a text by name; the file does not say that they are control tokens");
        }
        foreach ((int id, _) in unmarked)
            kinds[id] = TokenKind.Control;
        return Find(declared, named);
    }

    private static int[] Find(IReadOnlyCollection<int> declared, (int Id, int Name)[] named)
    {
        // The names stand in order of preference.
        IEnumerable<int> first = declared.Count > 0 ? declared : named.OrderBy(static token => token.Name).Select(static token => token.Id).Take(1);
        return [.. first.Concat(named.Select(static token => token.Id)).Distinct()];
    }

    // Tokens that end a text by their names, ascending.
    private static (int Id, int Name)[] Named(IReadOnlyList<string> tokens, IReadOnlyList<TokenKind> kinds, bool isDeclared)
    {
        Utf8Strings texts = Utf8Strings.Of(tokens);
        List<(int Id, int Name)> found = [];
        for (int id = 0; id < texts.Count; id++)
        {
            ReadOnlySpan<byte> text = texts.Bytes(id);
            if (text.Length < s_shortest || text.Length > s_longest || text[^1] is not ((byte)'>' or (byte)']' or (byte)'['))
                continue;
            for (int name = 0; name < s_names.Length; name++)
            {
                if (text.SequenceEqual(s_names[name]) && found.TrueForAll(token => token.Name != name))
                    found.Add((id, name));
            }
        }
        // In the format of gpt-oss and of Solar <|end|> closes a message, and the answer goes on.
        if ((Has("<|return|>") && Has("<|call|>")) || (Has("<|calls|>") && Has("<|flush|>")))
            found.RemoveAll(static token => s_names[token.Name].AsSpan().SequenceEqual("<|end|>"u8));
        bool ends = isDeclared || found.Exists(static token => token.Name < s_certain.Length);
        found.RemoveAll(token => token.Name >= s_certain.Length && ends && kinds[token.Id] == TokenKind.Normal);
        return [.. found];

        bool Has(string name) => found.Exists(token => token.Name == Array.IndexOf(s_certain, name));
    }
}
