using System.Collections.ObjectModel;
using System.Text;
using System.Text.Json;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;
using MeKi.Store.Storage;

namespace MeKi.Model.Templates;

/// <summary>
/// The chat templates that a model's files have, and the special tokens that they name. In GGUF these are <c>tokenizer.chat_template</c> and, for named ones,
/// <c>tokenizer.chat_template.NAME</c>; in a Hugging Face folder <c>chat_template.jinja</c> and <c>additional_chat_templates</c>, or the field
/// <c>chat_template</c> of <c>tokenizer_config.json</c> or <c>chat_template.json</c>: a text, or a list of names and texts.
/// </summary>
internal sealed class ChatTemplateFiles
{
    private const string Key = "tokenizer.chat_template", NamesKey = "tokenizer.chat_templates", TokensKey = "tokenizer.meki.template_tokens";
    private const string JinjaFile = "chat_template.jinja", MoreFiles = "additional_chat_templates", ConfigFile = "tokenizer_config.json";
    private const string Field = "chat_template", Default = "default";
    private const int MostBytes = 4 << 20, MostTemplates = 100, MostTokens = 1000;

    // Names of tokens in templates, and of their ids in GGUF.
    private static readonly (string Name, string Key)[] s_tokens =
    [
        ("bos_token", GgufTokenizer.BosId), ("eos_token", GgufTokenizer.EosId), ("unk_token", GgufTokenizer.UnknownId),
        ("sep_token", "tokenizer.ggml.seperator_token_id"), ("pad_token", "tokenizer.ggml.padding_token_id"), ("cls_token", "tokenizer.ggml.cls_token_id"),
        ("mask_token", "tokenizer.ggml.mask_token_id"),
    ];

    private readonly string _path;
    private readonly OrderedDictionary<string, string> _templates = [];
    private readonly List<string> _problems = [];
    private OrderedDictionary<string, string> _tokens = [];

    private ChatTemplateFiles(string path) => _path = path;

    /// <summary>Whether there is a template.</summary>
    public bool HasTemplate => _templates.Count > 0 || _problems.Count > 0;

    /// <summary>Reads the template of a file or folder of any kind.</summary>
    public static ChatTemplate Load(string path)
    {
        string model = Path.Combine(path, ModelFiles.ModelName);
        if (Directory.Exists(path) && !File.Exists(model))
            return OfFolder(path).Read();
        string file = Directory.Exists(path) ? model : path;
        if (file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
        {
            using GgufFile gguf = GgufFile.Open(file);
            return OfGguf(gguf.Metadata).Read();
        }
        ChatTemplateFiles files = new(file);
        files.ReadJinja(file, Default);
        if (files._templates.Count == 0)
            throw new ModelFileException(file, "", files._problems.FirstOrDefault() ?? "there is no such file", "Give a file with a Jinja template");
        return new(file, files._templates[Default], ReadOnlyDictionary<string, ChatTemplate>.Empty, files._tokens, []);
    }

    /// <summary>Reads the keys of a GGUF file.</summary>
    public static ChatTemplateFiles OfGguf(GgufMetadata metadata)
    {
        ChatTemplateFiles files = new(metadata.Path);
        foreach ((string key, object value) in metadata.Raw)
        {
            if (value is string source && (key == Key || key.StartsWith(Key + ".", StringComparison.Ordinal)))
                files.Add(key == Key ? Default : key[(Key.Length + 1)..], source);
        }
        files._tokens = metadata.TryGet<string[]>(TokensKey, out string[]? pairs) ? Pairs(pairs) : StandardTokens(metadata);
        return files;
    }

    /// <summary>Reads a Hugging Face folder. What cannot be read becomes a warning: the model works without.</summary>
    public static ChatTemplateFiles OfFolder(string folder)
    {
        ChatTemplateFiles files = new(folder);
        files.ReadJson(folder, "special_tokens_map.json", files.ReadTokens);
        files.ReadJson(folder, "chat_template.json", files.ReadTemplates);
        files.ReadJson(folder, ConfigFile, root =>
        {
            files.ReadTokens(root);
            files.ReadTemplates(root);
        });
        files.ReadJinja(Path.Combine(folder, JinjaFile), Default);
        string more = Path.Combine(folder, MoreFiles);
        if (Directory.Exists(more))
        {
            foreach (string file in Directory.EnumerateFiles(more, "*.jinja").Order(StringComparer.Ordinal).Take(MostTemplates))
                files.ReadJinja(file, Path.GetFileNameWithoutExtension(file));
        }
        return files;
    }

    /// <summary>Writes the keys from which <see cref="OfGguf"/> reads the same again. The tokenizer's keys are there already.</summary>
    public void WriteTo(GgufMetadata metadata)
    {
        if (_templates.Count == 0)
            return;
        List<string> names = [];
        foreach ((string name, string source) in _templates)
        {
            string safe = string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
            metadata[name == Default ? Key : $"{Key}.{safe}"] = source;
            if (name != Default)
                names.Add(safe);
        }
        if (names.Count > 0)
            metadata[NamesKey] = names.ToArray();
        if (!StandardTokens(metadata).SequenceEqual(_tokens))
            metadata[TokensKey] = _tokens.SelectMany(static pair => (string[])[pair.Key, pair.Value]).ToArray();
    }

    /// <summary>Reads the templates. One that is none becomes a warning.</summary>
    public ChatTemplate Read()
    {
        List<string> warnings = [.. _problems];
        Dictionary<string, ChatTemplate> variants = [];
        // Where none is the usual one, the first is.
        string usual = _templates.ContainsKey(Default) || _templates.Count == 0 ? Default : _templates.GetAt(0).Key;
        foreach ((string name, string source) in _templates)
        {
            if (name != usual && TryRead(name, source, [], warnings) is { } variant)
                variants[name] = variant;
        }
        if (_templates.TryGetValue(usual, out string? text) && TryRead(usual, text, variants, warnings) is { } template)
            return template;
        warnings.Add((HasTemplate ? "no chat template can be used" : "there is no chat template")
            + ": ChatML takes its place, and the model answers worse if it was trained with another");
        return new(_path, ChatTemplate.ChatMlSource, variants, _tokens, warnings);
    }

    private static OrderedDictionary<string, string> Pairs(string[] pairs)
    {
        OrderedDictionary<string, string> tokens = [];
        for (int i = 0; i + 1 < Math.Min(pairs.Length, 2 * MostTokens); i += 2)
            tokens[pairs[i]] = pairs[i + 1];
        return tokens;
    }

    private static OrderedDictionary<string, string> StandardTokens(GgufMetadata metadata)
    {
        OrderedDictionary<string, string> tokens = [];
        if (!metadata.IsArray(GgufTokenizer.Tokens))
            return tokens;
        Utf8Strings texts = metadata.GetTexts(GgufTokenizer.Tokens);
        foreach ((string name, string key) in s_tokens)
        {
            if (metadata.Contains(key) && metadata.TryGetInteger(key) is Int128 id && id >= 0 && id < texts.Count)
                tokens[name] = texts[(int)id];
        }
        return tokens;
    }

    private ChatTemplate? TryRead(string name, string source, Dictionary<string, ChatTemplate> variants, List<string> warnings)
    {
        try
        {
            return new(_path, source, variants, _tokens, warnings);
        }
        catch (ChatTemplateException exception)
        {
            warnings.Add($"chat template {UntrustedText.Quote(name)}, line {exception.Line}: {exception.Problem}");
            return null;
        }
    }

    private void Add(string name, string source)
    {
        if (_templates.Count < MostTemplates || _templates.ContainsKey(name))
            _templates[name] = source;
    }

    private void ReadJinja(string file, string name)
    {
        if (!File.Exists(file))
            return;
        try
        {
            byte[] text = RegularFile.ReadAllBytes(file, MostBytes);
            int start = text.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
            Add(name, Encoding.UTF8.GetString(text.AsSpan(start)));
        }
        catch (UnusableFileException exception)
        {
            _problems.Add($"{Path.GetFileName(file)}: {exception.Problem}");
        }
    }

    private void ReadJson(string folder, string name, Action<JsonPlace> read)
    {
        string file = Path.Combine(folder, name);
        if (!File.Exists(file))
            return;
        try
        {
            JsonPlace.Read(file, root =>
            {
                if (root.Element.ValueKind == JsonValueKind.Object)
                    read(root);
                return true;
            });
        }
        catch (ModelFileException exception)
        {
            _problems.Add($"{name}: {exception.Problem}");
        }
    }

    private void ReadTemplates(JsonPlace root)
    {
        if (root.TryField(Field) is not { } field)
            return;
        if (field.Element.ValueKind == JsonValueKind.String)
            Add(Default, field.Text());
        else if (field.Element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonPlace named in field.Items())
                Add(named.Field("name").Text(), named.Field("template").Text());
        }
        else
            throw field.Fault("is neither a text nor a list");
    }

    // A token is given by its text, or by an object that has it as "content".
    private void ReadTokens(JsonPlace root)
    {
        foreach (JsonProperty field in root.Element.EnumerateObject())
        {
            if (field.Name.EndsWith("_token", StringComparison.Ordinal))
                ReadToken(field);
            else if (field.Name == "extra_special_tokens" && field.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty extra in field.Value.EnumerateObject())
                    ReadToken(extra);
            }
        }
    }

    private void ReadToken(JsonProperty field)
    {
        JsonElement token = field.Value;
        if (token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out JsonElement content))
            token = content;
        if (token.ValueKind == JsonValueKind.String && (_tokens.Count < MostTokens || _tokens.ContainsKey(field.Name)))
            _tokens[field.Name] = token.GetString()!;
        else if (token.ValueKind == JsonValueKind.Null)
            _tokens.Remove(field.Name);
    }
}
