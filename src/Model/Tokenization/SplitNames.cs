namespace MeKi.Model.Tokenization;

/// <summary>
/// The names that llama.cpp gives to ways of splitting (<c>tokenizer.ggml.pre</c>), with the patterns they stand for as the models'
/// <c>tokenizer.json</c> files write them.
/// </summary>
/// <param name="Names">All names of this way; the first is the one to write.</param>
/// <param name="Patterns">See <see cref="TokenizerData.SplitPatterns"/>.</param>
/// <param name="IgnoreMerges">See <see cref="TokenizerData.IgnoreMerges"/>.</param>
/// <param name="AddBos">Whether a sequence starts with BOS where the file does not say.</param>
internal sealed record SplitNames(string[] Names, string[] Patterns, bool IgnoreMerges = false, bool AddBos = false)
{
    /// <summary>The pattern of GPT-2, which is also what the <c>ByteLevel</c> pre-tokenizer uses.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Punctuation in a row, as the pre-tokenizer of that name finds it.</summary>
    public const string Punctuation = @"[\p{P}\$\+<=>\^~\|`]+";

    /// <summary>Three digits.</summary>
    public const string ThreeDigits = "[0-9][0-9][0-9]";

    /// <summary>The letters with two cases of DeepSeek LLM's pattern, as ranges.</summary>
    public const string CasedLetters = "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377"
        + "\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5"
        + "\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D"
        + "\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4"
        + "\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D"
        + "\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4"
        + "\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06"
        + "\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2"
        + "\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943";

    private const string Words = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|", Spaces = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Signs = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Spaces;

    private const string Llama3 = Words + @"\p{N}{1,3}" + Signs, Qwen2 = Words + @"\p{N}" + Signs, MiniCpm = Words + @"\p{N}+" + Signs;
    private const string SeedCoder = Words + @"\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + Spaces;

    private const string Qwen35 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Spaces;

    private const string Capitals = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Small = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?", SignsOrSlash = @"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Spaces;

    private const string CasedWords = Capitals + "*" + Small + "+" + Contractions + "|" + Capitals + "+" + Small + "*" + Contractions + "|";
    private const string Gpt4o = CasedWords + @"\p{N}{1,3}" + SignsOrSlash, Youtu = CasedWords + @"\p{N}" + SignsOrSlash;
    private const string Tekken = Capitals + "*" + Small + "+|" + Capitals + "+" + Small + @"*|\p{N}" + SignsOrSlash;

    private const string CasedLetter = @"\s?[" + CasedLetters + "]+";
    private const string EastAsian = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", EastAsian3 = "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+";
    private const string LineBreak = "[\r\n]", WideSigns = "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+";

    private const string DeepSeek3 = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^" + "\r\n" + @"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["
        + "\r\n" + @"]*|\s*[" + "\r\n" + @"]+|\s+(?!\S)|\s+";

    private const string YoutuScripts = "[\uAC00-\uD7A3\u3131-\u318E]+"
        + "|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F]+"
        + "|[\u3105-\u312F]+|[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+";

    // Digits by three from the right, as thousands are written.
    private const string Thousands = @"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", DecimalThousands = @"\d{1,3}(?=(?:\d{3})*(?!\d))";
    private const string BoundedThousands = @"\d{1,3}(?=(?:\d{3})*\b)";

    private const string AsianScripts = "[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E40-\u0E7F"
        + "\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF]+";

    // U+1401 stands for the letters without case beyond the basic plane, most of which are Han.
    private const string Han = "[\u2E80-\u2E99\u2E9B-\u2EF3\u2F00-\u2FD5\u3005\u3007\u3021-\u3029\u3038-\u303B\u3400-\u4DBF\u4E00-\u9FFF"
        + "\uF900-\uFA6D\uFA70-\uFAD9\u1401]";

    private const string NotHan = "(?!" + Han + ")", KimiLead = @"[^\r\n\p{L}\p{N}]?";
    private const string KimiCapital = "(?:" + NotHan + @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])", KimiSmall = "(?:" + NotHan + Small + ")";
    private const string Kimi = Han + "+|" + KimiLead + KimiCapital + "*" + KimiSmall + "+" + Contractions + "|" + KimiLead + KimiCapital + "+" + KimiSmall
        + "*"
        + Contractions + @"|\p{N}{1,3}" + Signs;

    private const string Spark = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+";

    private const string Jais2 = Words + @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)"
        + @"|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}";

    private const string ExaoneMoe = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
        + @"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+";

    private const string Ufakzeka = @"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + Signs;

    private const string NotBloom = " ?[^(\\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+";

    private static readonly SplitNames[] s_known =
    [
        new(["default"], [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", ThreeDigits]),
        new(["gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "gigachat", "mellum", "exaone4", "a.x-4.0", "modern-bert", "roberta-bpe",
            "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code"], [Gpt2]),
        new(["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], [@"\p{N}", Gpt2]),
        new(["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"], [Llama3],
            IgnoreMerges: true, AddBos: true),
        new(["smaug-bpe", "dbrx", "glm4", "chatglm-bpe"], [Llama3]),
        new(["qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "solar-open", "grok-2", "kormo", "f2llmv2", "bailingmoe", "bailingmoe2",
            "llada-moe"], [Qwen2]),
        new(["qwen35"], [Qwen35]),
        new(["ufakzeka"], [Ufakzeka]),
        new(["jais-2"], [Jais2]),
        new(["kimi-k2"], [Kimi]),
        new(["afmoe"], [Thousands, AsianScripts, DeepSeek3]),
        new(["tiny_aya", "cohere2moe"], [BoundedThousands, Gpt4o]),
        new(["superbpe"], [@"\p{N}+", DecimalThousands]),
        new(["exaone-moe"], [ExaoneMoe]),
        new(["spark2_5"], [@"\p{N}{1,3}", EastAsian3, Spark, @"\p{N}"]),
        new(["chameleon"], ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", @"([\t\n]|    |  )", @"\p{N}", @"[\p{P}!-/:-@\[-`{-~]", Gpt2],
            AddBos: true),
        new(["deepseek-llm"], [LineBreak, CasedLetter, WideSigns, @"\s+$", EastAsian, @"\p{N}+"]),
        new(["deepseek-coder"], [LineBreak, @"\s?\p{L}+", @"\s?\p{P}+", EastAsian, @"\p{N}"]),
        new(["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], [@"\p{N}{1,3}", EastAsian3, DeepSeek3]),
        new(["falcon"], [Punctuation, Gpt2, ThreeDigits]),
        new(["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], [Gpt4o]),
        new(["granite-embed-multi-97m"], [Gpt4o], IgnoreMerges: true),
        new(["tekken"], [Tekken], IgnoreMerges: true, AddBos: true),
        new(["youtu"], [YoutuScripts, Youtu], IgnoreMerges: true),
        new(["minicpm5"], [@"\p{N}{1,3}", MiniCpm], IgnoreMerges: true),
        new(["seed-coder"], [SeedCoder]),
        new(["laguna"], [SentencePieceData.Lines, Qwen2]),
        new(["bloom", "poro-chat", "gpt3-finnish"], [NotBloom]),
        new(["viking"], [NotBloom, @"\p{N}"]),
    ];

    private static readonly Dictionary<string, Lazy<SplitScanner>> s_scanners = new()
    {
        [Gpt2] = new(static () => new Gpt2Scanner()),
        [Llama3] = new(static () => new WordScanner(marks: false, digits: 3)),
        [Qwen2] = new(static () => new WordScanner(marks: false, digits: 1)),
        [MiniCpm] = new(static () => new WordScanner(marks: false, digits: int.MaxValue)),
        [SeedCoder] = new(static () => new WordScanner(marks: false, digits: 1, lines: false)),
        [Qwen35] = new(static () => new WordScanner(marks: true, digits: 1)),
        [Gpt4o] = new(static () => new CaseScanner(contractions: true, digits: 3)),
        [Youtu] = new(static () => new CaseScanner(contractions: true, digits: 1)),
        [Tekken] = new(static () => new CaseScanner(contractions: false, digits: 1)),
        [DeepSeek3] = new(static () => new DeepSeekScanner()),
        [SentencePieceData.Lines] = new(static () => new LineScanner()),
        [@"\s+$"] = new(static () => new TrailingSpaceScanner()),
        [@"\p{N}"] = new(static () => new RunScanner(CharacterClass.Number, most: 1)),
        [@"\p{N}{1,3}"] = new(static () => new RunScanner(CharacterClass.Number, most: 3)),
        [@"\p{N}+"] = new(static () => new RunScanner(CharacterClass.Number)),
        [@"\s?\p{L}+"] = new(static () => new RunScanner(CharacterClass.Letter, spaced: true)),
        [@"\s?\p{P}+"] = new(static () => new RunScanner(CharacterClass.Punctuation, spaced: true)),
        [@"[\p{P}\$\+<=>\^~\|]+"] = new(static () => new RunScanner(CharacterClass.Punctuation, "$+<=>^~|")),
        [Punctuation] = new(static () => new RunScanner(CharacterClass.Punctuation, "$+<=>^~|`")),
        [Thousands] = new(static () => new ThousandsScanner(decimals: false, bounded: false)),
        [DecimalThousands] = new(static () => new ThousandsScanner(decimals: true, bounded: false)),
        [BoundedThousands] = new(static () => new ThousandsScanner(decimals: true, bounded: true)),
        [AsianScripts] = new(static () => new RunScanner(0, AsianScripts[1..^2])),
        [ThreeDigits] = new(static () => new RunScanner(0, "0-9", least: 3, most: 3)),
        [LineBreak] = new(static () => new RunScanner(0, LineBreak[1..^1], most: 1)),
        [CasedLetter] = new(static () => new RunScanner(0, CasedLetters, spaced: true)),
        [WideSigns] = new(static () => new RunScanner(0, WideSigns[4..^2], spaced: true)),
        [EastAsian] = new(static () => new RunScanner(0, EastAsian[1..^2])),
        [EastAsian3] = new(static () => new RunScanner(0, EastAsian3[1..^2])),
    };

    /// <summary>All names.</summary>
    public static IEnumerable<string> All => s_known.SelectMany(static known => known.Names);

    /// <summary>All patterns that are code.</summary>
    public static IEnumerable<string> Compiled => s_scanners.Keys;

    /// <summary>What a name stands for; null when it is not known.</summary>
    public static SplitNames? Find(string name) => s_known.FirstOrDefault(known => known.Names.Contains(name));

    /// <summary>The code for a pattern; null where there is none.</summary>
    public static SplitScanner? ScannerOf(string pattern) => s_scanners.GetValueOrDefault(pattern)?.Value;

    /// <summary>The name for a way of splitting; null when it has none.</summary>
    public static string? NameOf(BytePairData data) =>
        s_known.FirstOrDefault(known => known.IgnoreMerges == data.IgnoreMerges && known.Patterns.SequenceEqual(data.SplitPatterns))?.Names[0];
}
