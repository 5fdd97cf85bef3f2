using System.Text;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using MeKi.Model.Tests.Files;
using MeKi.Tests;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Tests.Chat;

public sealed class ConversationTests : IDisposable
{
    private static readonly GenerationOptions Short = new() { Temperature = 0, MaxTokens = 12 };

    // Closes a turn with text: the demo model has no token for it.
    private static readonly ChatTemplate Plain = ChatTemplate.Parse(
        "{% for message in messages %}{{ message.role }}:{{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}");

    private readonly TemporaryFolder _folder = new();

    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    public static TheoryData<string> Models => [Demo, SharedMaterial.Path("gguf/tiny-q8_0.gguf")];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public async Task A_conversation_that_was_saved_and_loaded_goes_on_as_one_that_was_not(string path)
    {
        using MeKiModel model = MeKiModel.Load(path, new() { Threads = 2 });
        using Conversation straight = new(model, Plain), saved = new(model, Plain), loaded = new(model, Plain);
        foreach (Conversation conversation in new[] { straight, saved })
        {
            conversation.Messages.Add(new(ChatRole.System, "Speak."));
            await Text(conversation.AskAsync("Who is there?", Short));
        }
        saved.Save(_folder["talk.json"]);
        Assert.Null(loaded.Load(_folder["talk.json"]));
        ChatReply expected = straight.AskAsync("And now?", Short), actual = loaded.AskAsync("And now?", Short);
        Assert.Equal(await Text(expected), await Text(actual));
        Assert.Equal((expected.Statistics!.PromptTokens, expected.Statistics.ReusedTokens), (actual.Statistics!.PromptTokens, actual.Statistics.ReusedTokens));
        Assert.Equal(straight.Messages.Select(message => (message.Role, message.Text)), loaded.Messages.Select(message => (message.Role, message.Text)));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task A_turn_computes_only_what_is_new(string path)
    {
        using MeKiModel model = MeKiModel.Load(path, new() { Threads = 2 });
        using Conversation conversation = new(model, Plain);
        ChatReply first = conversation.AskAsync("Who is there?", Short);
        await Text(first);
        ChatReply second = conversation.AskAsync("And now?", Short);
        await Text(second);
        // The last token of the first reply was chosen but not yet computed.
        int known = first.Statistics!.PromptTokens + first.Statistics.GeneratedTokens - 1;
        Assert.Equal(known, second.Statistics!.ReusedTokens);
        Assert.Equal(model.Tokenizer!.Encode("\nuser:And now?\nassistant:", addSpecial: false).Length, second.Statistics.PromptTokens - known - 1);
    }

    [Fact]
    public async Task A_reply_that_was_left_is_a_message_as_far_as_it_came()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, Plain);
        StringBuilder text = new();
        await foreach (ReplyEvent part in conversation.AskAsync("Who is there?", Short with { MaxTokens = 200 }))
        {
            text.Append(((ReplyText)part).Text);
            if (text.Length > 20)
                break;
        }
        Assert.Equal(["Who is there?", text.ToString()], conversation.Messages.Select(message => message.Text));
        Assert.NotEqual("", await Text(conversation.AskAsync("And now?", Short)));
    }

    [Fact]
    public async Task Another_answer_to_the_same_question_computes_no_prompt()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, Plain);
        string first = await Text(conversation.AskAsync("Who is there?", Short));
        conversation.Messages.RemoveAt(1);
        ChatReply again = conversation.ReplyAsync(Short);
        Assert.Equal(first, await Text(again));
        Assert.Equal(again.Statistics!.PromptTokens - 1, again.Statistics.ReusedTokens);
    }

    [Fact]
    public async Task A_message_that_was_changed_is_computed_anew()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, Plain), fresh = new(model, Plain);
        await Text(conversation.AskAsync("Who is there?", Short));
        conversation.Messages[1] = new(ChatRole.Assistant, "Nobody.");
        foreach (ChatMessage message in conversation.Messages)
            fresh.Messages.Add(message);
        Assert.Equal(await Text(fresh.AskAsync("And now?", Short)), await Text(conversation.AskAsync("And now?", Short)));
    }

    [Fact]
    public void A_template_that_refuses_leaves_the_conversation_as_it_was()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, ChatTemplate.Parse("{{ raise_exception('not today') }}"));
        Assert.Equal("not today", Assert.Throws<ChatTemplateException>(() => conversation.AskAsync("A")).RaisedMessage);
        Assert.Empty(conversation.Messages);
    }

    [Fact]
    public async Task A_reply_is_enumerated_once()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, Plain);
        ChatReply reply = conversation.AskAsync("A", Short);
        await Text(reply);
        Assert.Throws<InvalidOperationException>(() => reply.GetAsyncEnumerator());
    }

    [Theory]
    [InlineData("[]", "no messages")]
    [InlineData("{\"messages\": [1]}", "no object with a role")]
    [InlineData("{\"messages\": [], \"tokens\": [99999999]}", "outside the model's vocabulary")]
    [InlineData("{\"messages\": [], \"tokens\": [\"a\"]}", "is no conversation")]
    [InlineData("{", "is no conversation")]
    public void A_file_that_is_no_conversation_is_refused(string json, string problem)
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, Plain);
        conversation.Messages.Add(new(ChatRole.User, "kept"));
        string path = _folder.Add("talk.json", Encoding.UTF8.GetBytes(json));
        Assert.Contains(problem, Assert.Throws<ModelFileException>(() => conversation.Load(path)).Message, StringComparison.Ordinal);
        Assert.Single(conversation.Messages);
    }

    [Fact]
    public async Task Without_its_session_file_a_conversation_is_computed_anew_and_says_why()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation saved = new(model, Plain), loaded = new(model, Plain);
        await Text(saved.AskAsync("Who is there?", Short));
        saved.Save(_folder["talk.json"]);
        File.Delete(_folder["talk.json.session"]);
        Assert.Contains("there is no such file", loaded.Load(_folder["talk.json"]), StringComparison.Ordinal);
        ChatReply reply = loaded.AskAsync("And now?", Short);
        Assert.Equal(await Text(saved.AskAsync("And now?", Short)), await Text(reply));
        Assert.Equal(0, reply.Statistics!.ReusedTokens);
    }

    [Fact]
    public async Task From_tokens_a_conversation_goes_on_as_from_messages()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation messages = new(model, Plain), tokens = new(model, Plain);
        Assert.Empty(tokens.Tokens);
        ChatReply expected = messages.AskAsync("Who is there?", Short);
        ChatReply actual = tokens.ReplyAsync(model.Tokenizer!.Encode(Turn("Who is there?"), addSpecial: false), Short);
        Assert.Equal(await Text(expected), await Text(actual));
        Assert.Equal(messages.Tokens, tokens.Tokens);
        Assert.Equal(expected.Message.Text, Assert.Single(tokens.Messages).Text);

        int[] next = model.Tokenizer.Encode("\n" + Turn("And now?"), addSpecial: false);
        (expected, actual) = (messages.AskAsync("And now?", Short), tokens.ReplyAsync([.. tokens.Tokens, .. next], Short));
        Assert.Equal(await Text(expected), await Text(actual));
        Assert.Equal(expected.Statistics!.ReusedTokens, actual.Statistics!.ReusedTokens);
        Assert.True(actual.Statistics.ReusedTokens > 0);
        Assert.Throws<ArgumentException>(() => tokens.ReplyAsync([]));

        static string Turn(string text) => $"user:{text}\nassistant:";
    }

    [Fact]
    public async Task Thoughts_that_a_prompt_of_tokens_began_are_thoughts()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using Conversation conversation = new(model, ChatTemplate.Parse("{{ messages[0].content }}<think>\n{# </think> #}"));
        ChatReply reply = conversation.ReplyAsync(
            model.Tokenizer!.Encode("Well?<think>\n", addSpecial: false), Short with { Grammar = Grammar.FromRegex("aha</think>so") });
        Assert.Equal("so", await Text(reply));
        Assert.Equal("aha", Assert.IsType<TextReasoningContent>(reply.Message.Contents[0]).Text);
    }

    private static async Task<string> Text(ChatReply reply)
    {
        StringBuilder text = new();
        await foreach (ReplyEvent part in reply)
            text.Append((part as ReplyText)?.Text);
        return text.ToString();
    }
}
