namespace MeKi.Fuzz.Readers;

/// <summary>Every reader.</summary>
internal static class AllReaders
{
    private static readonly (string Name, Func<Reader> Create)[] s_all =
    [
        ("gguf", () => new GgufReader()),
        ("gguf-vocabulary", () => new GgufVocabularyReader()),
        ("gguf-adapter", () => new GgufAdapterReader()),
        ("adapter-config", () => new PeftReader(isConfig: true)),
        ("adapter-safetensors", () => new PeftReader(isConfig: false)),
        ("rows", () => new RowsReader()),
        ("session", () => new SessionReader()),
        ("safetensors", () => new SafetensorsReader()),
        ("safetensors-index", () => new SafetensorsIndexReader()),
        ("config", () => new ConfigReader()),
        ("tokenizer-json", () => new TokenizerJsonReader()),
        ("tokenizer-model", () => new TokenizerModelReader()),
        ("split-pattern", () => new SplitPatternReader()),
        ("tokenizer-config", () => new SettingsReader("tokenizer_config.json")),
        ("generation-config", () => new SettingsReader("generation_config.json")),
        ("special-tokens-map", () => new SettingsReader("special_tokens_map.json")),
        ("template", () => new TemplateReader()),
        ("messages", () => new MessagesReader()),
        ("reply", () => new ReplyReader()),
        ("gbnf", () => new GbnfReader()),
        ("regex", () => new RegexReader()),
        ("schema", () => new SchemaReader()),
        ("tasks", () => new TasksReader()),
        ("conversation", () => new ConversationReader()),
        ("server", () => new ServerReader()),
    ];

    public static IEnumerable<string> Names => s_all.Select(each => each.Name);

    /// <summary>Makes readers.</summary>
    /// <param name="names">Which; empty for all.</param>
    public static IEnumerable<Reader> Create(IReadOnlyList<string> names)
    {
        if (names.FirstOrDefault(name => !Names.Contains(name)) is { } unknown)
            throw new ArgumentException($"There is no reader {unknown}: {string.Join(", ", Names)}.");
        return s_all.Where(each => names.Count == 0 || names.Contains(each.Name)).Select(each => each.Create());
    }

}
