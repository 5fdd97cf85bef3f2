using System.Collections.ObjectModel;
using MeKi.Model.Templates.Builtins;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Tree;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates;

/// <summary>
/// Makes of a conversation the text that a model was trained to continue. The template is the model's own: Jinja as Hugging Face transformers understands it,
/// to the character. It is untrusted input: whatever it does, it ends in bounded time and memory, by an exception if need be. Immutable, and safe for any
/// number of threads.
/// </summary>
/// <remarks>
/// The text names control tokens and has its own token of the beginning where the model wants one: encode it with special tokens read and none added.
/// </remarks>
/// <example>
/// <code>
/// ChatTemplate template = ChatTemplate.Parse(File.ReadAllText("chat_template.jinja"));
/// string prompt = template.Render(new()
/// {
///     Messages = [new JsonObject { ["role"] = "user", ["content"] = "Hello!" }],
///     Variables = new() { ["enable_thinking"] = false },
/// });
/// </code>
/// </example>
public sealed class ChatTemplate
{
    /// <summary>The name of the variant that is taken where tools are given and there is one.</summary>
    internal const string ToolUse = "tool_use";

    // A template has some kilobytes.
    private const int MostCharacters = 1 << 20;

    internal const string ChatMlSource =
        "{%- for message in messages -%}\n{{- '<|im_start|>' + message.role + '\\n' -}}\n"
        + "{%- if message.content is string -%}{{- message.content -}}{%- else -%}\n"
        + "{%- for part in message.content or [] -%}{{- part.text or '' -}}{%- endfor -%}{%- endif -%}\n"
        + "{{- '<|im_end|>\\n' -}}\n{%- endfor -%}\n{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

    private readonly string _path;
    private readonly Body _body;
    private readonly Scope _scope;

    /// <param name="path">The file that errors name; empty for none.</param>
    /// <param name="source">The template.</param>
    /// <param name="variants">The model's other templates.</param>
    /// <param name="specialTokens">Tokens that templates name.</param>
    /// <param name="warnings">See <see cref="Warnings"/>.</param>
    /// <exception cref="ChatTemplateException">It is no valid template.</exception>
    internal ChatTemplate(
        string path, string source, IReadOnlyDictionary<string, ChatTemplate> variants, IReadOnlyDictionary<string, string> specialTokens,
        IReadOnlyList<string> warnings)
    {
        (_path, Source, Variants, SpecialTokens, Warnings) = (path, source, variants, specialTokens, warnings);
        if (source.Length > MostCharacters)
            throw new ChatTemplateException(path, 1, $"has {source.Length} characters where at most {MostCharacters} are read");
        try
        {
            (_body, _scope) = Parser.Parse(source);
        }
        catch (SyntaxFault fault)
        {
            throw ChatTemplateException.Of(path, fault.Line, fault);
        }
        catch (Exception fault) when (fault is TemplateFault or InsufficientExecutionStackException)
        {
            throw ChatTemplateException.Of(path, 1, fault);
        }
    }

    /// <summary>What a user should know before a chat, one line each: that the model came without a template and ChatML took its place, or that a template
    /// could not be read. Empty where all is well.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>ChatML, which most models without a template of their own answer to.</summary>
    public static ChatTemplate ChatMl { get; } = Parse(ChatMlSource);

    /// <summary>The template.</summary>
    public string Source { get; }

    /// <summary>The model's other templates by name, such as <c>tool_use</c>, which <see cref="Render"/> takes by itself where tools are given.</summary>
    public IReadOnlyDictionary<string, ChatTemplate> Variants { get; }

    /// <summary>The texts of the model's special tokens by the names that templates know: <c>bos_token</c>, <c>eos_token</c> and others.</summary>
    public IReadOnlyDictionary<string, string> SpecialTokens { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">The template.</param>
    /// <exception cref="ChatTemplateException">It is no valid template; the message names the line.</exception>
    public static ChatTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new("", source, ReadOnlyDictionary<string, ChatTemplate>.Empty, ReadOnlyDictionary<string, string>.Empty, []);
    }

    /// <summary>Reads the template of a model without the model.</summary>
    /// <param name="path">A <c>.gguf</c> file, a folder with one or with a Hugging Face checkpoint, or a template in a file of its own.</param>
    /// <exception cref="ChatTemplateException">The file of its own is no valid template.</exception>
    /// <exception cref="ModelFileException">The file cannot be read.</exception>
    public static ChatTemplate Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return ChatTemplateFiles.Load(path);
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="input">The conversation and what belongs to it.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation (<see cref="ChatTemplateException.RaisedMessage"/>), fails on it, or
    /// makes too much of it.</exception>
    public string Render(ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Tools is not null && Variants.TryGetValue(ToolUse, out ChatTemplate? forTools))
            return forTools.Render(input);
        Dictionary<string, Value> variables = [];
        Run run = new(variables, Globals.All, input.Clock);
        try
        {
            foreach ((string name, string token) in SpecialTokens)
                variables[name] = TextValue.Of(token);
            foreach ((string name, Value value) in JsonValues.Members(input.Variables, run))
                variables[name] = value;
            variables["messages"] = JsonValues.Of(input.Messages, run);
            variables["tools"] = JsonValues.Of(input.Tools, run);
            if (input.Documents is not null || !variables.ContainsKey("documents"))
                variables["documents"] = JsonValues.Of(input.Documents, run);
            variables["add_generation_prompt"] = BoolValue.Of(input.AddGenerationPrompt);
            return _body.Capture(new(run, _scope, null)).Text;
        }
        catch (Exception fault) when (fault is TemplateFault or InsufficientExecutionStackException)
        {
            throw ChatTemplateException.Of(_path, Math.Max(run.Line, 1), fault);
        }
    }
}
