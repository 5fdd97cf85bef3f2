using MeKi.Model.Generation;
using MeKi.Model.Tokenization;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary>Tokens with their log-probabilities, as chats and responses tell of them.</summary>
internal static class TokenLogs
{
    // What OpenAI writes for a token that cannot be: JSON has no infinity.
    private const double Least = -9999;

    /// <summary>Describes tokens whose log-probabilities were asked for.</summary>
    public static TokenLog[] Of(Tokenizer tokenizer, IEnumerable<GeneratedToken> tokens) => [.. tokens.Select(token =>
        Of(tokenizer, token.Id, token.LogProbability ?? 0, [.. token.Likeliest.Select(each => Of(tokenizer, each.Id, each.LogProbability, null))]))];

    public static double Finite(double logProbability) => double.IsFinite(logProbability) ? logProbability : Least;

    private static TokenLog Of(Tokenizer tokenizer, int id, double logProbability, IReadOnlyList<TokenLog>? top)
    {
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id);
        int[] numbers = new int[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
            numbers[i] = bytes[i];
        return new(CompletionLog.TextOf(tokenizer, id), Finite(logProbability), numbers, top);
    }
}
