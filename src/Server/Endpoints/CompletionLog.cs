using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Tokenization;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary>The tokens of a text with their log-probabilities and places, as <c>/v1/completions</c> gives them.</summary>
internal sealed class CompletionLog(Tokenizer tokenizer)
{
    private readonly TokenDecoder _places = tokenizer.CreateDecoder(continues: true);
    private int _offset;

    /// <summary>Describes the next tokens.</summary>
    public CompletionLogprobs Describe(IReadOnlyList<GeneratedToken> tokens)
    {
        CompletionLogprobs log = new([], [], [], []);
        foreach (GeneratedToken token in tokens)
        {
            log.Tokens.Add(TextOf(tokenizer, token.Id));
            log.TokenLogprobs.Add(token.LogProbability is { } own ? TokenLogs.Finite(own) : null);
            log.TopLogprobs.Add(token.LogProbability is null ? null : Top(token));
            log.TextOffset.Add(_offset);
            _offset += _places.Append(token.Id).Length;
        }
        return log;
    }

    /// <summary>Tells two parts as one.</summary>
    public static void Join(CompletionLogprobs whole, CompletionLogprobs part)
    {
        whole.Tokens.AddRange(part.Tokens);
        whole.TokenLogprobs.AddRange(part.TokenLogprobs);
        whole.TopLogprobs.AddRange(part.TopLogprobs);
        whole.TextOffset.AddRange(part.TextOffset);
    }

    /// <summary>A token's own text; its bytes where these are no whole characters, as OpenAI writes them, and its name where it has no text.</summary>
    public static string TextOf(Tokenizer tokenizer, int id)
    {
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id);
        if (bytes.Length == 0)
            return tokenizer.TokenText(id);
        if (System.Text.Unicode.Utf8.IsValid(bytes))
            return Encoding.UTF8.GetString(bytes);
        StringBuilder text = new("bytes:");
        foreach (byte each in bytes)
            text.Append("\\x").Append(Convert.ToHexStringLower([each]));
        return text.ToString();
    }

    private Dictionary<string, double> Top(GeneratedToken token)
    {
        Dictionary<string, double> top = [];
        foreach (TokenProbability each in token.Likeliest)
            top.TryAdd(TextOf(tokenizer, each.Id), TokenLogs.Finite(each.LogProbability));
        // The token itself is told, however unlikely it was.
        top.TryAdd(TextOf(tokenizer, token.Id), TokenLogs.Finite(token.LogProbability!.Value));
        return top;
    }
}
