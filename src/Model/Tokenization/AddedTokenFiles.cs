using System.Globalization;
using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The tokens that <c>tokenizer_config.json</c> (<c>added_tokens_decoder</c>) or, in older folders, <c>added_tokens.json</c> add to a
/// vocabulary.</summary>
internal sealed class AddedTokenFiles
{
    private readonly SortedDictionary<int, (string Text, TokenKind Kind)> _tokens = [];
    private readonly List<int> _leftStripping = [], _rightStripping = [];

    /// <summary>Added tokens that take the white space before them.</summary>
    public IReadOnlyList<int> LeftStripping => _leftStripping;

    /// <summary>Added tokens that take the white space behind them.</summary>
    public IReadOnlyList<int> RightStripping => _rightStripping;

    /// <summary>Reads the files of a folder that are there.</summary>
    /// <exception cref="ModelFileException">One is damaged.</exception>
    public static AddedTokenFiles Read(string folder)
    {
        AddedTokenFiles read = new();
        string older = Path.Combine(folder, "added_tokens.json"), newer = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(older))
        {
            JsonPlace.Read(older, root =>
            {
                foreach ((string text, JsonPlace id) in root.Members())
                    read._tokens[id.Id()] = (text, TokenKind.UserDefined);
                return true;
            });
        }
        if (File.Exists(newer))
        {
            JsonPlace.Read(newer, root =>
            {
                if (root.TryField("added_tokens_decoder") is JsonPlace decoder)
                    read.Read(decoder);
                return true;
            });
        }
        return read;
    }

    /// <summary>A vocabulary with them.</summary>
    /// <param name="texts">The tokens.</param>
    /// <param name="kinds">Their kinds.</param>
    /// <param name="scores">Their scores.</param>
    /// <param name="least">The least number of ids.</param>
    public (Utf8Strings Texts, TokenKind[] Kinds, List<float> Scores) AddTo(Utf8Strings texts, List<TokenKind> kinds, List<float> scores, int least)
    {
        int count = Math.Max(Math.Max(texts.Count, least), _tokens.Count > 0 ? _tokens.Keys.Max() + 1 : 0);
        Utf8StringsBuilder all = new(texts.TotalBytes + _tokens.Values.Sum(static token => Encoding.UTF8.GetByteCount(token.Text)));
        for (int id = 0; id < count; id++)
        {
            bool isKnown = id < texts.Count;
            if (!isKnown)
            {
                kinds.Add(TokenKind.Unused);
                scores.Add(0);
            }
            else
                all.Append(texts.Bytes(id));
            if (_tokens.TryGetValue(id, out (string Text, TokenKind Kind) token))
            {
                // A byte stays a byte, and the vocabulary's text the text.
                if (!isKnown)
                    all.Append(Encoding.UTF8.GetBytes(token.Text));
                if (kinds[id] is TokenKind.Normal or TokenKind.Unused or TokenKind.UserDefined)
                    kinds[id] = token.Kind;
            }
            all.End();
        }
        return (all.Build(static id => $"[PAD{id}]"), [.. kinds], scores);
    }

    private void Read(JsonPlace decoder)
    {
        foreach ((string name, JsonPlace token) in decoder.Members())
        {
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || (uint)id >= JsonPlace.MaxId)
                throw token.Fault($"is not a token id from 0 to {JsonPlace.MaxId - 1}");
            _tokens[id] = (token.Field("content").Text(), token.Flag("special") ? TokenKind.Control : TokenKind.UserDefined);
            if (token.Flag("lstrip"))
                _leftStripping.Add(id);
            if (token.Flag("rstrip"))
                _rightStripping.Add(id);
        }
    }
}
