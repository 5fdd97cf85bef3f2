using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>What the files beside a <c>tokenizer.json</c> say of its special tokens. Each may be absent.</summary>
internal sealed class SpecialTokenFiles(string folder)
{
    /// <summary>The rows of the embedding table, or 0 when no file says.</summary>
    public int VocabularySize() => Read("config.json", static root => root.TryField("vocab_size") is JsonPlace size ? size.Id() : 0);

    /// <summary>The BOS token and whether every sequence begins with it.</summary>
    /// <param name="tokens">The vocabulary.</param>
    /// <param name="leading">The token that the post-processor puts first, if any.</param>
    public (int? Id, bool Add) ReadBos(string[] tokens, JsonPlace? leading)
    {
        int? first = leading is JsonPlace name ? IdOf(name, tokens) : null;
        var (declared, add) = Read("tokenizer_config.json", root =>
            (TokenNamed(root, "bos_token", tokens), root.TryField("add_bos_token") is null ? (bool?)null : root.Flag("add_bos_token")));
        int? id = first ?? declared ?? new[] { "generation_config.json", "config.json" }
            .SelectMany(file => IdsIn(file, "bos_token_id", tokens.Length)).Cast<int?>().FirstOrDefault();
        return (id, id is not null && (add ?? first is not null));
    }

    /// <summary>The end tokens that the files declare, the principal one first; where none does, the likeliest by name.</summary>
    public int[] ReadEos(string[] tokens)
    {
        int? named = Read("tokenizer_config.json", root => TokenNamed(root, "eos_token", tokens));
        int[] declared = [.. named is int id ? [id] : Array.Empty<int>(),
            .. IdsIn("generation_config.json", "eos_token_id", tokens.Length), .. IdsIn("config.json", "eos_token_id", tokens.Length)];
        return declared.Length > 0 ? declared : [.. EndTokens.Guess(tokens)];
    }

    private T? Read<T>(string name, Func<JsonPlace, T> reader)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? JsonPlace.Read(path, reader) : default;
    }

    private int[] IdsIn(string name, string field, int vocabulary) => Read(name, root =>
    {
        if (root.TryField(field) is not JsonPlace value)
            return [];
        JsonPlace[] items = value.Element.ValueKind == JsonValueKind.Array ? [.. value.Items()] : [value];
        return (int[])[.. items.Select(item => item.Id() < vocabulary
            ? item.Id()
            : throw item.Fault($"{item.Id()} is outside the vocabulary of {vocabulary} tokens"))];
    }) ?? [];

    // A token is given by its text, or by an object that has it as "content".
    private static int? TokenNamed(JsonPlace root, string field, string[] tokens) => root.TryField(field) switch
    {
        null => null,
        { Element.ValueKind: JsonValueKind.Object } token => IdOf(token.Field("content"), tokens),
        JsonPlace token => IdOf(token, tokens),
    };

    private static int IdOf(JsonPlace name, string[] tokens) =>
        Array.IndexOf(tokens, name.Text()) is >= 0 and int id ? id : throw name.Fault($"the token {UntrustedText.Quote(name.Text())} is not in the vocabulary");
}
