using System.Text;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Tokenization;

/// <summary>Turns text into the token ids of a model and back. Immutable; one instance serves any number of threads.</summary>
public abstract class Tokenizer
{
    private readonly HashSet<int> _ends;

    /// <exception cref="InvalidTokenizerException">The data contradicts itself.</exception>
    private protected Tokenizer(TokenizerData data, List<string> warnings)
    {
        if (data.Kinds.Count != data.Tokens.Count)
            throw new InvalidTokenizerException("token kinds", $"there are {data.Kinds.Count} for {data.Tokens.Count} tokens");
        foreach (int id in data.EosIds.Concat(new[] { data.BosId, data.AppendedId }.OfType<int>()))
        {
            if ((uint)id >= (uint)data.Tokens.Count)
                throw new InvalidTokenizerException($"special token {id}", $"is outside the vocabulary of {data.Tokens.Count} tokens");
        }
        (Kinds, BosId, AddsBos, EosIds) = (data.Kinds, data.BosId, data.AddBos && data.BosId is not null, data.EosIds);
        (SuppressedIds, AppendedId) = (data.SuppressedIds, data.AppendedId);
        _ends = [.. data.EosIds];
        Index = new(Utf8Strings.Of(data.Tokens));
        if (Index.Duplicates.Count > 0)
        {
            (int id, int first) = Index.Duplicates.One;
            warnings.Add($"token {id} has the text {UntrustedText.Quote(TokenText(id))} of token {first}, which is the one that is used"
                + (Index.Duplicates.Count > 1 ? $"; {Index.Duplicates.Count - 1} more have the text of another" : ""));
        }
        Warnings = [.. warnings];
    }

    /// <summary>How many tokens there are; ids run from 0 to one less.</summary>
    public int VocabularySize => Kinds.Count;

    /// <summary>The token that begins a text, if the model has one.</summary>
    public int? BosId { get; }

    /// <summary>Whether every text begins with <see cref="BosId"/>.</summary>
    public bool AddsBos { get; }

    /// <summary>The tokens that end a text, the principal one first; empty where the model has none. None is ever added to a text.</summary>
    public IReadOnlyList<int> EosIds { get; }

    /// <summary>The tokens that the model's makers forbid it to choose, such as those that stand for images; mostly empty. A text may have them.</summary>
    public IReadOnlyList<int> SuppressedIds { get; }

    /// <summary>The token that stands behind a text that becomes an embedding; null for none. A text to continue has none.</summary>
    internal int? AppendedId { get; }

    /// <summary>
    /// What the files leave unsaid or say wrongly, one line each; empty where all is well. <see cref="LoadReport.Warnings"/> has these lines, too.
    /// </summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What each token is.</summary>
    private protected IReadOnlyList<TokenKind> Kinds { get; }

    /// <summary>The tokens by text.</summary>
    private protected TokenIndex Index { get; }

    /// <summary>The bytes a token stands for; not always whole UTF-8 characters. Empty for control, unknown and unused tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    internal abstract ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>What a file is written from.</summary>
    internal abstract TokenizerData Data { get; }

    /// <summary>Loads a tokenizer without its model.</summary>
    /// <param name="path">A <c>.gguf</c> file, a <c>tokenizer.json</c>, SentencePiece's <c>tokenizer.model</c>, or a folder that has one of these; of several
    /// the first of <c>model.gguf</c>, <c>tokenizer.json</c>, <c>tokenizer.model</c>.</param>
    /// <exception cref="ModelFileException">The file is missing, damaged or has a tokenizer of a kind that is not supported.</exception>
    public static Tokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            path = File.Exists(Path.Combine(path, ModelFiles.ModelName)) ? Path.Combine(path, ModelFiles.ModelName) : TokenizerFolder.PathIn(path);
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".model", StringComparison.OrdinalIgnoreCase))
            return TokenizerFolder.Load(path);
        using GgufFile file = GgufFile.Open(path);
        return GgufTokenizer.Load(file.Metadata);
    }

    /// <summary>Whether a token ends a text.</summary>
    public bool IsEndOfText(int id) => _ends.Contains(id);

    /// <summary>What a token is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public TokenKind KindOf(int id) => Kinds[Checked(id)];

    /// <summary>A token as the vocabulary spells it: <c>Ġhello</c>, <c>&lt;|im_end|&gt;</c>. What it stands for in a text, a decoder tells.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public string TokenText(int id) => Index.Texts[Checked(id)];

    /// <summary>Finds a token by the text that <see cref="TokenText"/> gives.</summary>
    /// <param name="text">The text.</param>
    /// <param name="id">Receives the id; -1 where there is no such token.</param>
    public bool TryGetId(string text, out int id)
    {
        ArgumentNullException.ThrowIfNull(text);
        id = Index.Find(Encoding.UTF8.GetBytes(text));
        return id >= 0;
    }

    /// <summary>Turns text into token ids. Lone surrogates are read as U+FFFD.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecial">Whether to begin with <see cref="BosId"/> where <see cref="AddsBos"/> says so.</param>
    /// <param name="parseSpecial">Whether the names of control tokens in the text become those tokens. If not, they are plain text, as is wise for text from
    /// outside; tokens that a user defined are found in either case. Of two that begin at one place the longer is taken.</param>
    /// <exception cref="ModelFileException">A split pattern that the file brought takes too long on this text.</exception>
    public int[] Encode(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 1);
        Encode(text, ids, addSpecial, parseSpecial);
        return [.. ids];
    }

    /// <summary>As <see cref="Encode(string, bool, bool)"/>, and adds the ids to others.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="ids">Receives the ids at its end.</param>
    /// <param name="addSpecial">As there.</param>
    /// <param name="parseSpecial">As there.</param>
    /// <exception cref="ModelFileException">As there.</exception>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (addSpecial && AddsBos)
            ids.Add(BosId!.Value);
        EncodeText(text, ids, parseSpecial);
    }

    /// <summary>Begins to turn the tokens of a text into characters.</summary>
    /// <param name="continues">Whether other tokens of the text come before: then a space that encoding puts before a text's first word stays.</param>
    public abstract TokenDecoder CreateDecoder(bool continues = false);

    /// <summary>The text of a sequence of tokens. Bytes that are no UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        TokenDecoder decoder = CreateDecoder();
        StringBuilder text = new();
        foreach (int id in ids)
            text.Append(decoder.Append(id));
        return text.Append(decoder.Finish()).ToString();
    }

    /// <summary>Refuses a tokenizer that has tokens without a row of the embedding.</summary>
    /// <exception cref="ModelFileException">It has.</exception>
    internal void CheckFits(ModelConfig config, string path)
    {
        if (VocabularySize > config.VocabularySize)
        {
            throw new ModelFileException(path, "tokenizer", $"has {VocabularySize} tokens where the embedding has {config.VocabularySize} rows",
                "Use the tokenizer that the model was trained with");
        }
    }

    /// <summary>Adds the ids of a text, without those that begin or end it.</summary>
    private protected abstract void EncodeText(ReadOnlySpan<char> text, List<int> ids, bool parseSpecial);

    private protected int Checked(int id) => (uint)id < (uint)VocabularySize
        ? id
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary has the tokens 0 to {VocabularySize - 1}.");
}
