using MeKi.Model.Templates;

namespace MeKi.Server.Tests;

/// <summary>A template that has places for tools and reasoning, which the demo model's has not. What is to be answered a request says by a regex.</summary>
internal static class TalkingTemplate
{
    private const string Source =
        """
        {%- for tool in tools or [] %}tool:{{ tool.function.name }} {% endfor %}
        {%- for m in messages %}{{ m.role }}:
        {%- if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
        {%- for call in m.tool_calls or [] -%}
          <tool_call>{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>
        {%- endfor %};
        {%- endfor %}
        {%- if add_generation_prompt %}assistant:{% endif %}
        """;

    /// <summary>Options of a server with it.</summary>
    public static MeKiServerOptions Options { get; } = new() { ChatTemplate = ChatTemplate.Parse(Source) };

    /// <summary>Likewise without reasoning, which the demo model would not end where a call is wanted.</summary>
    public static MeKiServerOptions WithoutReasoning { get; } = new()
    {
        ChatTemplate = ChatTemplate.Parse(Source.Replace("<think>", "", StringComparison.Ordinal).Replace("</think>", "", StringComparison.Ordinal)),
    };
}
