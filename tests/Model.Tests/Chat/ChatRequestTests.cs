using System.Text.Json;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using MeKi.Tests;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Tests.Chat;

public sealed class ChatRequestTests(ChatRequestTests.DemoModel demo) : IClassFixture<ChatRequestTests.DemoModel>
{
    private static readonly GenerationOptions Short = new() { Temperature = 0, MaxTokens = 12 };

    private static readonly ChatTemplate Plain = ChatTemplate.Parse(
        "{% for message in messages %}{{ message.role }}:{{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}");

    private static readonly AITool Weather = new Declaration("weather");

    [Fact]
    public async Task A_turn_begins_with_the_very_tokens_of_the_turns_before()
    {
        List<ChatMessage> messages = [new(ChatRole.User, "Who is there?")];
        ChatReply first = demo.Model.ReplyAsync(Request(messages));
        await ReadAsync(first);
        int[] tokens = [.. first.PromptTokens, .. first.Tokens.Select(token => token.Id)];
        ChatReply second = demo.Model.ReplyAsync(Request([.. messages, first.Message, new(ChatRole.User, "And now?")]));
        Assert.Equal(tokens, second.PromptTokens.Take(tokens.Length));
        Assert.Equal(demo.Model.Tokenizer!.Encode("\nuser:And now?\nassistant:", addSpecial: false), second.PromptTokens.Skip(tokens.Length));
    }

    [Fact]
    public async Task A_reply_that_a_stop_string_cut_is_cut_into_tokens_anew()
    {
        List<ChatMessage> messages = [new(ChatRole.User, "Who is it?")];
        ChatReply first = demo.Model.ReplyAsync(Request(messages) with { Options = Short with { StopStrings = ["e", "o", "a", "i"], MaxTokens = 100 } });
        await ReadAsync(first);
        Assert.Equal(FinishReason.StopString, first.Statistics!.Reason);
        ChatReply second = demo.Model.ReplyAsync(Request([.. messages, first.Message, new(ChatRole.User, "And now?")]));
        Assert.Equal(demo.Model.Tokenizer!.Encode(second.Prompt, addSpecial: false), second.PromptTokens);
    }

    [Fact]
    public void What_the_template_makes_of_the_messages_is_the_prompt() => Assert.Equal("system:A\nuser:B\nassistant:",
        demo.Model.ReplyAsync(Request([new(new ChatRole("developer"), "A"), new(ChatRole.User, "B")])).Prompt);

    [Fact]
    public void A_template_that_knows_no_system_message_is_told_it_by_the_user()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" +
            "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}");
        ChatRequest request = new() { Messages = [new(ChatRole.System, "A"), new(ChatRole.User, "B")], Template = template, Options = Short };
        Assert.Equal("user:A\n\nB;", demo.Model.ReplyAsync(request).Prompt);
        request = request with { Messages = [new(ChatRole.System, "A")] };
        Assert.Equal("no system role", Assert.Throws<ChatTemplateException>(() => demo.Model.ReplyAsync(request)).RaisedMessage);
    }

    [Theory]
    [InlineData(null, "true;high")]
    [InlineData(ReasoningEffort.Low, "true;low")]
    [InlineData(ReasoningEffort.ExtraHigh, "true;high")]
    [InlineData(ReasoningEffort.None, "false;low")]
    public void The_effort_reaches_the_template(ReasoningEffort? effort, string expected)
    {
        ChatTemplate template = ChatTemplate.Parse("{# <think> #}{{ (enable_thinking | default(true)) | tojson }};{{ reasoning_effort | default('high') }}");
        Assert.Equal(expected, demo.Model.ReplyAsync(new() { Messages = [], Template = template, Effort = effort, Options = Short }).Prompt);
    }

    [Fact]
    public void Reasoning_that_a_template_always_opens_is_closed_where_none_is_wanted()
    {
        ChatRequest request = new() { Messages = [], Template = ChatTemplate.Parse("assistant:<think>{{ '\\n' }}"), Options = Short };
        Assert.Equal("assistant:<think>\n", demo.Model.ReplyAsync(request).Prompt);
        Assert.Equal("assistant:<think>\n\n</think>\n\n", demo.Model.ReplyAsync(request with { Effort = ReasoningEffort.None }).Prompt);
    }

    [Fact]
    public void An_effort_that_the_model_does_not_know_is_refused()
    {
        Assert.Contains("High", Refusal(Request([new(ChatRole.User, "A")]) with { Effort = ReasoningEffort.High }), StringComparison.Ordinal);
        Assert.NotNull(demo.Model.ReplyAsync(Request([new(ChatRole.User, "A")]) with { Effort = ReasoningEffort.None }));
    }

    [Fact]
    public async Task Tokens_of_reasoning_are_counted()
    {
        ChatReply reply = demo.Model.ReplyAsync(new() { Messages = [], Template = ChatTemplate.Parse("ROMEO:<think>"), Options = Short });
        Assert.All(await ReadAsync(reply), part => Assert.IsType<ReplyReasoning>(part));
        Assert.Equal(reply.Tokens.Count, reply.ReasoningTokens);
        ChatReply plain = demo.Model.ReplyAsync(Request([new(ChatRole.User, "A")]));
        await ReadAsync(plain);
        Assert.Equal((0, 12), (plain.ReasoningTokens, plain.Tokens.Count));
    }

    [Fact]
    public void Tools_are_refused_where_the_template_has_no_place_for_them() =>
        Assert.Contains("no place for tools", Refusal(Request([new(ChatRole.User, "A")]) with { Tools = [Weather] }), StringComparison.Ordinal);

    [Fact]
    public void Contents_that_are_no_text_are_refused_by_name() => Assert.Contains("DataContent",
        Refusal(Request([new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])])), StringComparison.Ordinal);

    [Fact]
    public async Task A_format_is_kept_within_the_context()
    {
        JsonElement schema = JsonElement.Parse("""{ "type": "array", "items": { "enum": [1, 2, 3] }, "minItems": 1, "maxItems": 3 }""");
        ChatReply reply =
            demo.Model.ReplyAsync(Request([new(ChatRole.User, "A")]) with { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), Options = null });
        await ReadAsync(reply);
        Assert.Equal(JsonValueKind.Array, JsonElement.Parse(reply.Message.Text).ValueKind);
        ChatReply any = demo.Model.ReplyAsync(Request([new(ChatRole.User, "A")]) with { ResponseFormat = ChatResponseFormat.Json, Options = Short });
        await ReadAsync(any);
        Assert.Equal(JsonValueKind.Object, JsonElement.Parse(any.Message.Text).ValueKind);
    }

    private static ChatRequest Request(IEnumerable<ChatMessage> messages) => new() { Messages = messages, Template = Plain, Options = Short };

    private static async Task<List<ReplyEvent>> ReadAsync(ChatReply reply)
    {
        List<ReplyEvent> parts = [];
        await foreach (ReplyEvent part in reply)
            parts.Add(part);
        return parts;
    }

    private string Refusal(ChatRequest request) => Assert.Throws<NotSupportedException>(() => demo.Model.ReplyAsync(request)).Message;

    public sealed class DemoModel : IDisposable
    {
        public MeKiModel Model { get; } = MeKiModel.Load(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki"), new() { Threads = 2 });

        public void Dispose() => Model.Dispose();
    }

    private sealed class Declaration(string name) : AIFunctionDeclaration
    {
        public override string Name => name;
    }
}
