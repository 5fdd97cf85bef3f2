using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Model.Templates;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI;

/// <summary>What a call asks of the model. What it cannot have is refused by its name.</summary>
internal static class RequestReader
{
    /// <summary>Reads a call's options.</summary>
    /// <param name="model">The model.</param>
    /// <param name="template">The client's.</param>
    /// <param name="messages">The call's messages.</param>
    /// <param name="options">The call's options.</param>
    /// <param name="raw">What the options' factory gave.</param>
    /// <exception cref="NotSupportedException">An option is not supported.</exception>
    /// <exception cref="ArgumentException">An option has a value that there is not.</exception>
    public static ChatRequest Read(MeKiModel model, ChatTemplate? template, IReadOnlyList<ChatMessage> messages, ChatOptions? options, object? raw)
    {
        options ??= new();
        Refuse(options);
        // Without a limit, the context is one.
        GenerationOptions start = raw switch
        {
            null => new() { MaxTokens = model.Config.ContextLength },
            GenerationOptions own => own,
            _ => throw Unsupported("RawRepresentationFactory", $"gives {raw.GetType().Name} where this client knows {nameof(GenerationOptions)}"),
        };
        AdditionalOptions additional = AdditionalOptions.Read(model, start, options.AdditionalProperties);
        return new()
        {
            Messages = Instructed(messages, options.Instructions),
            Tools = options.Tools is null ? [] : [.. options.Tools],
            ToolMode = options.ToolMode,
            AllowMultipleToolCalls = options.AllowMultipleToolCalls ?? true,
            ResponseFormat = options.ResponseFormat,
            Effort = options.Reasoning?.Effort,
            Variables = additional.Variables,
            Template = template,
            Options = Over(additional.Generation, options),
        };
    }

    private static void Refuse(ChatOptions options)
    {
        if (options.ConversationId is not null)
            throw Unsupported(nameof(options.ConversationId), "names a conversation, and this client keeps none: bring all messages with each call");
#pragma warning disable MEAI001 // Experimental members are read to refuse them.
        if (options.ContinuationToken is not null)
            throw Unsupported(nameof(options.ContinuationToken), "continues an answer in the background, and this client has none");
#pragma warning restore MEAI001
        if (options.Reasoning?.Output == ReasoningOutput.Summary)
            throw Unsupported("Reasoning.Output", "asks for a summary, and nobody makes one: there is Full and None");
    }

    private static NotSupportedException Unsupported(string member, string problem) => new($"ChatOptions.{member} {problem}.");

    /// <summary>The messages with the call's instructions before them. A model is told one system message.</summary>
    private static IEnumerable<ChatMessage> Instructed(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        if (string.IsNullOrEmpty(instructions))
            return messages;
        return messages is [{ Role: var role } first, ..] && role == ChatRole.System
            ? [new(ChatRole.System, $"{instructions}\n\n{first.Text}"), .. messages.Skip(1)]
            : [new(ChatRole.System, instructions), .. messages];
    }

    /// <summary>Generation's options where the call's have a word for them.</summary>
    private static GenerationOptions Over(GenerationOptions start, ChatOptions options) => start with
    {
        MaxTokens = options.MaxOutputTokens ?? start.MaxTokens,
        Temperature = options.Temperature ?? start.Temperature,
        // Of a share of nothing there remains the likeliest.
        TopP = options.TopP is 0 ? float.Epsilon : options.TopP ?? start.TopP,
        TopK = options.TopK ?? start.TopK,
        FrequencyPenalty = options.FrequencyPenalty ?? start.FrequencyPenalty,
        PresencePenalty = options.PresencePenalty ?? start.PresencePenalty,
        Seed = options.Seed is long seed ? Folded(seed) : start.Seed,
        StopStrings = options.StopSequences is { } stops ? [.. stops] : start.StopStrings,
    };

    /// <summary>A seed of 64 bits in 32.</summary>
    internal static int Folded(long seed) => seed is >= int.MinValue and <= int.MaxValue ? (int)seed : (int)(seed ^ (seed >> 32));
}

/// <summary>What <see cref="ChatOptions.AdditionalProperties"/> say: names as llama.cpp's server has them.</summary>
/// <param name="Generation">How tokens are chosen.</param>
/// <param name="Variables">The template's variables.</param>
internal sealed record AdditionalOptions(GenerationOptions Generation, JsonObject? Variables)
{
    private static readonly Dictionary<string, Func<GenerationOptions, OptionValue, GenerationOptions>> s_known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["min_p"] = (options, value) => options with { MinP = value.Number },
        ["typical_p"] = (options, value) => options with { TypicalP = value.Number },
        ["top_n_sigma"] = (options, value) => options with { TopNSigma = value.Number },
        ["xtc_probability"] = (options, value) => options with { XtcProbability = value.Number },
        ["xtc_threshold"] = (options, value) => options with { XtcThreshold = value.Number },
        ["dynatemp_range"] = (options, value) => options with { DynamicTemperatureRange = value.Number },
        ["dynatemp_exponent"] = (options, value) => options with { DynamicTemperatureExponent = value.Number },
        ["repeat_penalty"] = (options, value) => options with { RepetitionPenalty = value.Number },
        ["repetition_penalty"] = (options, value) => options with { RepetitionPenalty = value.Number },
        ["repeat_last_n"] = (options, value) => options with { PenaltyWindow = value.Integer },
        ["dry_multiplier"] = (options, value) => options with { DryMultiplier = value.Number },
        ["dry_base"] = (options, value) => options with { DryBase = value.Number },
        ["dry_allowed_length"] = (options, value) => options with { DryAllowedLength = value.Integer },
        ["dry_penalty_last_n"] = (options, value) => options with { DryWindow = value.Integer },
        ["dry_sequence_breakers"] = (options, value) => options with { DrySequenceBreakers = value.Texts },
        ["mirostat"] = (options, value) => options with { Mirostat = value.IsFlag ? value.Flag : value.Integer switch
        {
            0 => false,
            2 => true,
            var version => throw value.Fault($"asks for version {version}; there is 2, and 0 for none"),
        } },
        ["mirostat_tau"] = (options, value) => options with { MirostatTau = value.Number },
        ["mirostat_eta"] = (options, value) => options with { MirostatEta = value.Number },
        ["samplers"] = (options, value) => options with { Samplers = value.Texts },
        ["logit_bias"] = (options, value) => options with { LogitBias = value.Biases },
        ["seed"] = (options, value) => options with { Seed = RequestReader.Folded(value.Long) },
        ["logprobs"] = (options, value) =>
            options with { LogProbabilities = !value.IsFlag ? value.Integer : value.Flag ? options.LogProbabilities ?? 0 : null },
        ["top_logprobs"] = (options, value) => options with { LogProbabilities = value.Integer },
        ["context_shift"] = (options, value) => options with { ContextShift = value.Flag },
        ["adapter"] = (options, value) => options with { Adapters = value.Adapters },
        ["n_keep"] = (options, value) => options with { KeepTokens = value.Integer },
    };

    /// <summary>The names there are, besides those of grammars and of the template's variables.</summary>
    public static IEnumerable<string> Names => [.. s_known.Keys, .. s_grammars.Keys, TemplateVariables];

    private const string TemplateVariables = "chat_template_kwargs";

    private static readonly Dictionary<string, Func<string, Grammar>> s_grammars = new(StringComparer.OrdinalIgnoreCase)
    {
        ["grammar"] = text => Grammar.FromGbnf(text),
        ["json_schema"] = Grammar.FromJsonSchema,
        ["regex"] = Grammar.FromRegex,
    };

    /// <summary>Reads them.</summary>
    /// <param name="model">The model, which keeps grammars.</param>
    /// <param name="start">What holds where they say nothing.</param>
    /// <param name="properties">The properties; null for none.</param>
    /// <exception cref="NotSupportedException">A name is not known.</exception>
    /// <exception cref="ArgumentException">A value is not what its name asks for.</exception>
    public static AdditionalOptions Read(MeKiModel model, GenerationOptions start, AdditionalPropertiesDictionary? properties)
    {
        AdditionalOptions read = new(start, null);
        foreach ((string name, object? given) in properties ?? [])
        {
            if (given is null)
                continue;
            OptionValue value = new(name, given);
            if (s_known.TryGetValue(name, out Func<GenerationOptions, OptionValue, GenerationOptions>? set))
                read = read with { Generation = set(read.Generation, value) };
            else if (s_grammars.TryGetValue(name, out Func<string, Grammar>? make))
            {
                Grammar grammar = given as Grammar ?? model.Loaded.Chats.GrammarOf(name, value.Source, make);
                if (read.Generation.Grammar is not null)
                    throw value.Fault("comes beside another grammar: give one of them");
                read = read with { Generation = read.Generation with { Grammar = grammar } };
            }
            else if (name.Equals(TemplateVariables, StringComparison.OrdinalIgnoreCase))
                read = read with { Variables = value.Object };
            else
                throw new NotSupportedException($"ChatOptions.AdditionalProperties has '{name}', which is not known; known are {string.Join(", ", Names)}.");
        }
        return read;
    }
}
