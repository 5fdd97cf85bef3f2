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
        ("tokenizer-config", () => new SettingsReader("tokenizer_config.json",
                """{"chat_template":"{{ messages[0].content }}","bos_token":"<|endoftext|>","eos_token":{"content":"<|endoftext|>","special":true},"add_bos_token":true,"added_tokens_decoder":{"263":{"content":"<|endoftext|>","special":true,"lstrip":false}}}""",
                """{"chat_template":[{"name":"default","template":"{% for m in messages %}{{ m.content }}{% endfor %}"},{"name":"tool_use","template":"{{ tools | tojson }}"}]}""")),
        ("generation-config", () => new SettingsReader("generation_config.json", """{"eos_token_id":[1,263],"temperature":0.6,"top_k":20,"top_p":0.95,"repetition_penalty":1.05,"do_sample":true,"suppress_tokens":[5]}""")),
        ("special-tokens-map", () => new SettingsReader("special_tokens_map.json", """{"bos_token":"<|endoftext|>","eos_token":{"content":"<|endoftext|>"},"additional_special_tokens":["<|endoftext|>"]}""")),
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
