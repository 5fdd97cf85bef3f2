using System.Text;
using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The vocabulary of a <c>tokenizer.json</c> and its added tokens: <c>model.vocab</c> and <c>added_tokens</c>.</summary>
internal sealed class JsonVocabulary
{
    private static readonly string[] s_fields = ["id", "content", "special", "single_word", "lstrip", "rstrip"];

    private readonly JsonSlice _vocab;
    private readonly JsonSlice? _addedTokens;
    private readonly List<int> _ids = [];
    private readonly TokenIndex _texts;
    private readonly List<(int Id, int Item)> _added = [];
    private readonly Utf8Strings _addedTexts = new([], []);
    private readonly List<(int Id, TokenKind Kind)> _kinds = [];
    private readonly List<int> _leftStripping = [], _rightStripping = [];

    /// <exception cref="ModelFileException">An entry is not as it must be.</exception>
    public JsonVocabulary(JsonSlice vocab, JsonSlice? added, List<string> warnings)
    {
        (_vocab, _addedTokens) = (vocab, added);
        _texts = new(ReadVocabulary(vocab));
        if (added is JsonSlice tokens)
            _addedTexts = ReadAdded(tokens, warnings);
    }

    /// <summary>Added tokens that take the white space before them.</summary>
    public IReadOnlyList<int> LeftStripping => _leftStripping;

    /// <summary>Added tokens that take the white space behind them.</summary>
    public IReadOnlyList<int> RightStripping => _rightStripping;

    /// <summary>The id of a text, or -1.</summary>
    public int IdOf(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (_texts.Find(bytes) is >= 0 and int known)
            return _ids[known];
        for (int i = 0; i < _addedTexts.Count; i++)
        {
            if (_addedTexts.Bytes(i).SequenceEqual(bytes))
                return _added[i].Id;
        }
        return -1;
    }

    /// <summary>The texts and kinds by id. Ids that no token has become unused tokens <c>[PAD&lt;id&gt;]</c>, which take no memory for their names.</summary>
    /// <param name="least">The least number of ids.</param>
    /// <exception cref="ModelFileException">Two tokens have one id.</exception>
    public (Utf8Strings Texts, TokenKind[] Kinds) Build(int least)
    {
        int largest = Math.Max(_ids.Count > 0 ? _ids.Max() : -1, _added.Count > 0 ? _added.Max(static token => token.Id) : -1);
        // The number of its text, plus one.
        int[] numbers = new int[Math.Max(least, largest + 1)];
        for (int i = 0; i < _ids.Count + _added.Count; i++)
        {
            int id = i < _ids.Count ? _ids[i] : _added[i - _ids.Count].Id;
            if (numbers[id] > 0 && !TextOf(numbers[id] - 1).SequenceEqual(TextOf(i)))
                throw Taken(id, i, numbers[id] - 1);
            numbers[id] = i + 1;
        }
        Utf8StringsBuilder texts = new(_texts.Texts.TotalBytes + _addedTexts.TotalBytes);
        var kinds = new TokenKind[numbers.Length];
        for (int id = 0; id < numbers.Length; id++)
        {
            kinds[id] = numbers[id] == 0 ? TokenKind.Unused : TokenKind.Normal;
            if (numbers[id] > 0)
                texts.Append(TextOf(numbers[id] - 1));
            texts.End();
        }
        foreach ((int id, TokenKind kind) in _kinds)
            kinds[id] = kind;
        return (texts.Build(static id => $"[PAD{id}]"), kinds);
    }

    private ModelFileException Taken(int id, int number, int owner)
    {
        string problem = $"the id {id} of {Quote(TextOf(number))} is that of {Quote(TextOf(owner))} already";
        return number < _ids.Count ? _vocab.Fault(problem) : _addedTokens!.Value.FaultAt($"[{_added[number - _ids.Count].Item}]", problem);
    }

    private ReadOnlySpan<byte> TextOf(int number) => number < _ids.Count ? _texts.Texts.Bytes(number) : _addedTexts.Bytes(number - _ids.Count);

    private Utf8Strings ReadVocabulary(JsonSlice vocab)
    {
        Utf8StringsBuilder texts = new(vocab.Length);
        Utf8JsonReader reader = vocab.Reader;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw vocab.Fault("is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            texts.Append(in reader);
            texts.End();
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || (uint)id >= JsonPlace.MaxId)
            {
                throw vocab.Fault($"the id {Quote(reader.ValueSpan)} of {UntrustedText.Quote(texts.Build()[^1])} "
                    + $"is not an integer from 0 to {JsonPlace.MaxId - 1}");
            }
            _ids.Add(id);
        }
        return texts.Build();
    }

    private Utf8Strings ReadAdded(JsonSlice added, List<string> warnings)
    {
        Utf8StringsBuilder texts = new(added.Length);
        Utf8JsonReader reader = added.Reader;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw added.Fault("is not an array");
        bool warned = false;
        for (int item = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; item++)
        {
            (int id, TokenKind kind, bool left, bool right) = ReadToken(added, item, texts, ref reader);
            int known = _texts.Find(texts.Current), used = known < 0 ? id : _ids[known];
            // As in Hugging Face's own reader: one without text is no token, and one that the vocabulary has keeps the vocabulary's id.
            if (texts.Current.IsEmpty)
                continue;
            _kinds.Add((used, kind));
            if (left)
                _leftStripping.Add(used);
            if (right)
                _rightStripping.Add(used);
            if (used != id && !warned)
                warnings.Add($"added token {Quote(texts.Current)} has the id {id} and, in the vocabulary, {used}, which is the one that is used");
            warned |= used != id;
            if (known >= 0)
            {
                texts.Undo();
                continue;
            }
            texts.End();
            _added.Add((id, item));
        }
        return texts.Build();
    }

    // The token's text becomes the text in progress.
    private static (int Id, TokenKind Kind, bool Left, bool Right) ReadToken(JsonSlice added, int item, Utf8StringsBuilder texts, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw added.FaultAt($"[{item}]", "is not an object");
        (int id, bool hasContent, bool special, bool left, bool right, bool single) = (-1, false, false, false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? name = null;
            foreach (string field in s_fields)
            {
                if (reader.ValueTextEquals(field))
                    name = field;
            }
            reader.Read();
            if (name is null || reader.TokenType == JsonTokenType.Null)
                reader.Skip();
            else if (name == "content")
            {
                if (reader.TokenType != JsonTokenType.String)
                    throw added.FaultAt($"[{item}].content", "is not a string");
                texts.Undo();
                texts.Append(in reader);
                hasContent = true;
            }
            else if (name == "id")
            {
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out id) || (uint)id >= JsonPlace.MaxId)
                    throw added.FaultAt($"[{item}].id", $"{Quote(reader.ValueSpan)} is not a token id from 0 to {JsonPlace.MaxId - 1}");
            }
            else
            {
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
                    throw added.FaultAt($"[{item}].{name}", "is neither true nor false");
                bool value = reader.GetBoolean();
                switch (name)
                {
                    case "special":
                        special = value;
                        break;
                    case "lstrip":
                        left = value;
                        break;
                    case "rstrip":
                        right = value;
                        break;
                    default:
                        single = value;
                        break;
                }
            }
        }
        if (!hasContent || id < 0)
            throw added.FaultAt($"[{item}]", $"has no field '{(hasContent ? "id" : "content")}'", "The file is damaged or not of this kind");
        if (single)
        {
            throw added.FaultAt($"[{item}]", $"{Quote(texts.Current)} asks for single_word, which is not supported",
                "Set it to false if the model does not depend on it");
        }
        return (id, special ? TokenKind.Control : TokenKind.UserDefined, left, right);
    }

    private static string Quote(ReadOnlySpan<byte> text) => UntrustedText.Quote(Encoding.UTF8.GetString(text));
}
