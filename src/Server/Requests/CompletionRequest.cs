using System.Text.Json;
using MeKi.Model.Generation;
using MeKi.Server.Errors;

namespace MeKi.Server.Requests;

/// <summary>A request to <c>/v1/completions</c>.</summary>
/// <param name="Prompts">Token ids of each prompt.</param>
/// <param name="Options">How to generate.</param>
/// <param name="Choices">How many continuations of each prompt.</param>
/// <param name="HasEcho">Whether an answer begins with its prompt.</param>
/// <param name="IsStream">Whether it comes in pieces.</param>
/// <param name="WantsUsage">Whether a stream ends with counts.</param>
internal sealed record CompletionRequest(
    IReadOnlyList<int[]> Prompts, GenerationOptions Options, int Choices, bool HasEcho, bool IsStream, bool WantsUsage)
{
    /// <summary>The most sequences that one request may have at once.</summary>
    public const int MostSequences = 128;

    // What OpenAI's endpoint does where nothing is said.
    private const int DefaultTokens = 16;

    private const int MostLogprobs = 100;

    public static CompletionRequest Read(RequestFields fields, ServedModel served)
    {
        served.CheckName(fields);
        if (fields.Text("suffix") is { Length: > 0 })
            throw ApiException.Invalid("suffix", "'suffix' is not there: models continue a text, they do not fill it in.");
        int[][] prompts = PromptsOf(fields, served);
        int choices = fields.Whole("n", 1, MostSequences) ?? 1;
        if (fields.Whole("best_of", 1, MostSequences) is { } best && best != choices)
            throw ApiException.Invalid("best_of", "'best_of' is not there: ask for as many as 'n' and choose.");
        if (prompts.Length * choices > MostSequences)
            throw ApiException.Invalid("n", $"{prompts.Length} prompts with {choices} answers each are more than {MostSequences} sequences.");
        foreach (int[] prompt in prompts)
            served.CheckPrompt(prompt.Length, "prompt");
        return new(prompts,
            SamplingFields.Read(fields, served) with
            {
                MaxTokens = served.MostTokens(fields.Whole(fields.NameOf("max_tokens", "max_completion_tokens", "n_predict"), 0) ?? DefaultTokens),
                LogProbabilities = fields.Whole("logprobs", 0, MostLogprobs),
                Grammar = SamplingFields.Grammar(fields, served.Grammars),
            },
            choices,
            fields.Flag("echo") ?? false,
            fields.Flag("stream") ?? false,
            fields.Object("stream_options")?.Flag("include_usage") ?? false);
    }

    private static int[][] PromptsOf(RequestFields fields, ServedModel served)
    {
        JsonElement prompt = fields.Find("prompt") ?? throw fields.Missing("prompt");
        if (prompt.ValueKind == JsonValueKind.String)
            return [Encoded(prompt, "prompt", served)];
        (JsonElement Value, string Path)[] list = fields.List("prompt", served.Model.Config.ContextLength + MostSequences)!;
        if (list.Length == 0)
            throw ApiException.Invalid("prompt", "'prompt' is empty.");
        if (list[0].Value.ValueKind == JsonValueKind.Number)
            return [[.. list.Select(each => served.CheckToken(RequestFields.Whole(each.Value, each.Path), each.Path))]];
        if (list.Length > MostSequences)
            throw ApiException.Invalid("prompt", $"{list.Length} prompts are more than {MostSequences}.");
        return [.. list.Select(each => each.Value.ValueKind == JsonValueKind.Array
            ? Ids(each.Value, each.Path, served) : Encoded(each.Value, each.Path, served))];
    }

    private static int[] Ids(JsonElement list, string path, ServedModel served)
    {
        int[] ids = [.. list.EnumerateArray().Select((id, i) => served.CheckToken(RequestFields.Whole(id, $"{path}[{i}]"), $"{path}[{i}]"))];
        return ids.Length > 0 ? ids : throw ApiException.Invalid(path, $"'{path}' is empty.");
    }

    // Whoever continues a text writes its template himself, and means the names of control tokens in it.
    private static int[] Encoded(JsonElement text, string path, ServedModel served)
    {
        int[] ids = served.Tokenizer.Encode(RequestFields.Text(text, path));
        return ids.Length > 0 ? ids : throw ApiException.Invalid(path, $"'{path}' has no tokens.");
    }
}
