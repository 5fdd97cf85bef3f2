namespace MeKi.Model.Tokenization;

/// <summary>Which tokens end a generation: what the files declare, and the control tokens that end one under any name a file may have forgotten.</summary>
internal static class EndTokens
{
    private static readonly string[] s_wellKnown = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"];

    // Where no file declares one, in order of preference.
    private static readonly string[] s_fallback = ["<|endoftext|>", "<|im_end|>", "<|eot_id|>", "</s>"];

    /// <summary>The declared ids in their order, then those of well-known control tokens, ascending, as llama.cpp adds them.</summary>
    public static int[] WithWellKnown(IEnumerable<int> declared, IReadOnlyList<string> tokens, IReadOnlyList<TokenKind> kinds) =>
        [.. declared.Concat(Enumerable.Range(0, tokens.Count).Where(id => kinds[id] == TokenKind.Control && s_wellKnown.Contains(tokens[id]))).Distinct()];

    /// <summary>The likeliest end token by name, as a sequence of one or none.</summary>
    public static IEnumerable<int> Guess(IReadOnlyList<string> tokens) =>
        s_fallback.Select(name => Enumerable.Range(0, tokens.Count).FirstOrDefault(id => tokens[id] == name, -1)).Where(static id => id >= 0).Take(1);
}
