using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>What the files beside a <c>tokenizer.json</c> or <c>tokenizer.model</c> say of its special tokens. Each may be absent.</summary>
internal sealed class SpecialTokenFiles(string folder, List<string> warnings)
{
    /// <summary>The rows of the embedding table, or 0 when no file says.</summary>
    public int VocabularySize() => Read("config.json", static root => root.TryField("vocab_size") is JsonPlace size ? size.Id() : 0);

    /// <summary>The BOS token and whether every sequence begins with it.</summary>
    /// <param name="idOf">Finds a token by its text; -1 where there is none.</param>
    /// <param name="size">How many ids there are.</param>
    /// <param name="leading">The token that the post-processor puts first, if any.</param>
    /// <param name="own">The token that begins sequences where no file here says anything else.</param>
    public (int? Id, bool Add) ReadBos(Func<string, int> idOf, int size, JsonPlace? leading, int? own = null)
    {
        int? first = leading is JsonPlace name ? IdOf(idOf, name) : null;
        var (declared, add) = Read("tokenizer_config.json", root =>
            (TokenNamed(root, "bos_token", idOf), root.TryField("add_bos_token") is null ? (bool?)null : root.Flag("add_bos_token")));
        int? id = first ?? declared ?? new[] { "generation_config.json", "config.json" }
            .SelectMany(file => IdsIn(file, "bos_token_id", size)).Cast<int?>().FirstOrDefault() ?? own;
        return (id, id is not null && (add ?? (own ?? first) is not null));
    }

    /// <summary>The id of a token that the post-processor names.</summary>
    public static int IdOf(Func<string, int> idOf, JsonPlace name) => idOf(name.Text()) is >= 0 and int id ? id
        : throw name.Fault($"the token {UntrustedText.Quote(name.Text())} is not in the vocabulary");

    /// <summary>The end tokens that the files declare, the principal one first.</summary>
    public int[] ReadEos(Func<string, int> idOf, int size) =>
    [
        .. (Read("tokenizer_config.json", root => TokenNamed(root, "eos_token", idOf)) is int id ? [id] : Array.Empty<int>()),
        .. IdsIn("generation_config.json", "eos_token_id", size),
        .. IdsIn("config.json", "eos_token_id", size),
    ];

    /// <summary>The tokens that the model must not choose.</summary>
    public int[] ReadSuppressed(int size) => [.. IdsIn("generation_config.json", "suppress_tokens", size).Distinct()];

    private T? Read<T>(string name, Func<JsonPlace, T> reader)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? JsonPlace.Read(path, reader) : default;
    }

    private int[] IdsIn(string name, string field, int size) => Read(name, root =>
    {
        if (root.TryField(field) is not JsonPlace value)
            return [];
        JsonPlace[] items = value.Element.ValueKind == JsonValueKind.Array ? [.. value.Items()] : [value];
        List<int> ids = [];
        foreach (JsonPlace item in items)
        {
            // Many a converter leaves -1, or the id of a token that was cut off: the model works without.
            if (item.Element.ValueKind != JsonValueKind.Number || !item.Element.TryGetInt64(out long id) || (id >= 0 && id < size))
                ids.Add(item.Id());
            else
                warnings.Add($"{name}, {item.Place}: the id {id} is outside the vocabulary of {size} tokens and is ignored");
        }
        return ids.ToArray();
    }) ?? [];

    // A token is given by its text, or by an object that has it as "content".
    private int? TokenNamed(JsonPlace root, string field, Func<string, int> idOf)
    {
        if (root.TryField(field) is not JsonPlace token)
            return null;
        string text = (token.Element.ValueKind == JsonValueKind.Object ? token.Field("content") : token).Text();
        if (idOf(text) is >= 0 and int id)
            return id;
        warnings.Add($"tokenizer_config.json, {token.Place}: the token {UntrustedText.Quote(text)} is not in the vocabulary and is ignored");
        return null;
    }
}
