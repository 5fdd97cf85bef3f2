using MeKi.Model;
using MeKi.Model.Generation;
using MeKi.Model.Templates;
using MeKi.Tests;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI.Tests;

/// <summary>The demo model with a template for tools and reasoning, and ways to say for it what it answers.</summary>
[CollectionDefinition(Collection)]
public sealed class TalkingModel : IDisposable, ICollectionFixture<TalkingModel>
{
    public const string Collection = "model";

    public const string Source =
        """
        {%- for tool in tools or [] %}tool:{{ tool.function.name }} {% endfor %}
        {%- for m in messages %}{{ m.role }}:
        {%- if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
        {%- for call in m.tool_calls or [] %}
        {{- '<tool_call>' }}{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>{% endfor %};
        {%- endfor %}
        {%- if add_generation_prompt %}assistant:{% endif %}
        """;

    public MeKiModel Model { get; } = MeKiModel.Load(Path, new() { Threads = 2 });

    public static string Path { get; } = System.IO.Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    public MeKiChatClient Client => new(Model, "tiny", ChatTemplate.Parse(Source));

    public void Dispose() => Model.Dispose();

    /// <summary>Options for a short answer that is always the same.</summary>
    public static ChatOptions Short(int tokens = 12) => new() { Temperature = 0, MaxOutputTokens = tokens };

    /// <summary>Options for an answer that is this text.</summary>
    public ChatOptions Saying(string text, ChatOptions? options = null)
    {
        options ??= new();
        options.RawRepresentationFactory = _ => new GenerationOptions { MaxTokens = 500, LogitsProcessor = Script(text) };
        return options;
    }

    private LogitsProcessor Script(string text)
    {
        int[] ids = [.. Model.Tokenizer!.Encode(text, addSpecial: false), Model.Tokenizer.EosIds[0]];
        int first = -1;
        return (tokens, logits) =>
        {
            if (first < 0)
                first = tokens.Length;
            int next = ids[Math.Min(tokens.Length - first, ids.Length - 1)];
            logits.Fill(float.NegativeInfinity);
            logits[next] = 0;
        };
    }
}
