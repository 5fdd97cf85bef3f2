using System.Globalization;
using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;

namespace MeKi.Model.Tests.Batching;

/// <summary>Requests of all kinds, and what comes of them as one text: pieces, tokens and the bits of log-probabilities.</summary>
internal static class Requests
{
    /// <summary>Options that differ in all that could depend on what is beside them.</summary>
    public static GenerationOptions Options(int i) => (i % 8) switch
    {
        0 => new() { Temperature = 0, MaxTokens = 24 + i, LogProbabilities = 3 },
        1 => new() { Temperature = 1.2f, TopP = 1, MinP = 0, Seed = i, MaxTokens = 40 },
        2 => new() { Temperature = 0.9f, TopK = 20, RepetitionPenalty = 1.2f, PenaltyWindow = -1, Seed = i, MaxTokens = 30, LogProbabilities = 0 },
        3 => new() { Mirostat = true, Seed = i, MaxTokens = 33 },
        4 => new() { Temperature = 1, Seed = i, MaxTokens = 25, Grammar = Grammar.FromRegex("[a-z]{3,9}( [a-z]{2,7}){2,6}") },
        5 => new() { Temperature = 1, DryMultiplier = 0.8f, XtcProbability = 0.5f, XtcThreshold = 0.1f, Seed = i, MaxTokens = 20, LogProbabilities = 1 },
        6 => new() { Temperature = 0.7f, Seed = i, MaxTokens = 45, LogitsProcessor = static (tokens, logits) => logits[tokens[^1]] -= 1 },
        _ => new() { Temperature = 1.5f, Seed = i, MaxTokens = 1 + i, StopStrings = ["e", "th"] },
    };

    /// <summary>Prompts of many lengths, some of which begin alike.</summary>
    public static int[] Prompt(MeKiModel model, int i, int longest)
    {
        Random common = new(i % 3), own = new(100 + i);
        int vocabulary = model.Tokenizer!.VocabularySize, length = i switch { 0 => 1, 1 => 255, 2 => 257, 3 => longest, _ => 3 + own.Next(longest - 3) };
        int alike = i % 4 == 3 ? 0 : length * 2 / 3;
        return [.. Enumerable.Range(0, length).Select(at => at < alike ? common.Next(vocabulary) : own.Next(vocabulary))];
    }

    /// <summary>All there is to know of a generation but when it came.</summary>
    public static async Task<string> Run(TextGeneration generation, Func<Task>? atPiece = null)
    {
        StringBuilder all = new();
        List<GeneratedToken> tokens = [];
        await foreach (TextPiece piece in generation)
        {
            all.Append(piece.Text).Append('|');
            tokens.AddRange(piece.Tokens);
            if (atPiece is not null)
                await atPiece();
        }
        foreach (GeneratedToken token in tokens)
        {
            all.Append(CultureInfo.InvariantCulture, $" {token.Id} {BitConverter.DoubleToInt64Bits(token.LogProbability ?? 0):x}");
            foreach (TokenProbability likely in token.Likeliest)
                all.Append(CultureInfo.InvariantCulture, $" {likely.Id} {BitConverter.DoubleToInt64Bits(likely.LogProbability):x}");
        }
        return all.Append(CultureInfo.InvariantCulture, $" {generation.Statistics!.Reason} {generation.Statistics.GeneratedTokens}").ToString();
    }
}
