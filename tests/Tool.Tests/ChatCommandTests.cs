using System.Text.Json;
using MeKi.Model.Tests.Files;

namespace MeKi.Tool.Tests;

/// <summary><c>meki chat</c>, and <c>meki run --chat</c> for one turn.</summary>
public sealed class ChatCommandTests : IDisposable
{
    private const string Greedy = "--temp=0", Few = "-n=12";

    private readonly TemporaryFolder _folder = new();
    private readonly string _template;

    public ChatCommandTests() => _template = _folder.Add("plain.jinja",
        "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"u8);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_command_does_what_the_help_says()
    {
        string saved = _folder["talk.json"];
        ProgramResult chat = await Chat($"""
            /help
            /stats
            /retry
            /system
            /system Speak.
            /system
            Who is there?
            /stats
            /retry
            /stats
            /save {saved}
            /reset
            /system
            /load {saved}
            And now?
            /stats
            /save
            /load {_folder["absent"]}
            /nonsense
            /exit
            never said
            """);
        Assert.Equal(0, chat.ExitCode);
        string errors = string.Join('\n', chat.Errors);
        Assert.All(["/help", "/reset", "/system", "/save", "/load", "/retry", "/stats", "/exit"],
            command => Assert.Contains(chat.Errors, line => line.StartsWith(command, StringComparison.Ordinal)));
        Assert.Contains("nothing was answered yet", errors, StringComparison.Ordinal);
        Assert.Contains("nothing was asked yet", errors, StringComparison.Ordinal);
        Assert.Equal(["(nothing)", "Speak.", "Speak."], chat.Errors.Where(line => line is "(nothing)" or "Speak."));
        Assert.Contains($"saved to {saved}", errors, StringComparison.Ordinal);
        Assert.Contains(chat.Errors, line => line.StartsWith("meki: ", StringComparison.Ordinal) && line.Contains("absent", StringComparison.Ordinal));
        Assert.Contains("there is no command '/nonsense'", errors, StringComparison.Ordinal);
        Assert.Contains("there is no command '/save'", errors, StringComparison.Ordinal);

        // The same question is answered the same; then a turn computes only what is new.
        string[] replies = chat.Output.Split('\n');
        string[] stats = [.. chat.Errors.Where(line => line.Contains("tokens of prompt", StringComparison.Ordinal))];
        Assert.Equal(3, stats.Length);
        Assert.Contains(", 0 of them computed before", stats[0], StringComparison.Ordinal);
        Assert.All(stats[1..], line => Assert.DoesNotContain(", 0 of them computed before", line, StringComparison.Ordinal));
        Assert.Contains(" | 12 generated", stats[0], StringComparison.Ordinal);
        Assert.True(replies.Length >= 4, chat.Output);
    }

    [Fact]
    public async Task A_conversation_that_was_saved_goes_on_in_another_process()
    {
        ProgramResult straight = await Chat("Who is there?\nAnd now?"), first = await Chat($"Who is there?\n/save {_folder["talk"]}");
        ProgramResult second = await Chat("And now?\n/stats", "--load", _folder["talk"]);
        Assert.Equal(straight.Output, first.Output + second.Output);
        Assert.DoesNotContain(second.Errors, line => line.Contains(", 0 of them", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lines_belong_together_by_a_backslash_or_between_quotes()
    {
        string saved = _folder["talk"];
        ProgramResult chat = await Chat($"one\\\ntwo\n\n\"\"\"\na\n\n b\n\"\"\"\n/save {saved}\nlast\\");
        Assert.Equal(0, chat.ExitCode);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(saved));
        Assert.Equal(["one\ntwo", "a\n\n b"], json.RootElement.GetProperty("messages").EnumerateArray()
            .Where(message => message.GetProperty("role").GetString() == "user").Select(message => message.GetProperty("content").GetString()));
    }

    [Theory]
    [InlineData("show", "aha\nso\n")]
    [InlineData("hide", "so\n")]
    [InlineData("off", "so\n")]
    public async Task Thoughts_are_shown_or_hidden(string how, string output)
    {
        string template = _folder.Add("thinking.jinja", "{{ messages[0].content }}<think>\n{# </think> #}"u8);
        ProgramResult chat = await MekiProgram.RunWithInput("Well?\n", "chat", "-m", MekiProgram.DemoModel, "--chat-template", template, "--thinking", how,
            "--regex", "aha</think>so", "-n", "30");
        Assert.Equal((0, output), (chat.ExitCode, chat.Output));
    }

    [Fact]
    public async Task Off_tells_the_template_that_no_thoughts_are_wanted()
    {
        string template = _folder.Add("asked.jinja", "{% if enable_thinking is defined and not enable_thinking %}{{ raise_exception('told') }}{% endif %}a"u8);
        ProgramResult chat = await MekiProgram.RunWithInput("Well?\n", "chat", "-m", MekiProgram.DemoModel, "--chat-template", template, "--thinking", "off");
        Assert.Equal(0, chat.ExitCode);
        Assert.Contains("told", Assert.Single(chat.Errors), StringComparison.Ordinal);
    }

    [UnixFact]
    public async Task Ctrl_C_stops_the_answer_and_not_the_program()
    {
        ProgramResult chat = await MekiProgram.Converse(async (process, patience) =>
        {
            await process.StandardInput.WriteAsync("Who is there?\n".AsMemory(), patience);
            await process.StandardInput.FlushAsync(patience);
            await process.StandardOutput.ReadBlockAsync(new char[8], patience);
            MekiProgram.Signal(process, MekiProgram.Interrupt);
            await process.StandardInput.WriteAsync("/stats\nAnd now?\n/stats\n".AsMemory(), patience);
        }, "chat", "-m", MekiProgram.DemoModel, "--chat-template", _template, Greedy, "-t=1", "-n=900");
        Assert.Equal(0, chat.ExitCode);
        string[] stats = [.. chat.Errors.Where(line => line.Contains("tokens of prompt", StringComparison.Ordinal))];
        Assert.Equal(2, stats.Length);
        // What was computed of the answer is not computed again.
        Assert.DoesNotContain(", 0 of them computed before", stats[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_end_of_the_input_ends_the_program()
    {
        foreach (string input in new[] { "", "\n \n", "\"\"\"\nopen" })
            Assert.Equal(0, (await Chat(input)).ExitCode);
    }

    [Fact]
    public async Task One_turn_answers_as_a_schema_or_a_grammar_says()
    {
        const string Schema = """{ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false }""";
        ProgramResult json = await MekiProgram.Run("run", "--chat", "How many?", "-m", MekiProgram.DemoModel, "--json-schema", Schema, "-n", "40");
        Assert.Equal(0, json.ExitCode);
        Assert.Equal(JsonValueKind.Number, JsonDocument.Parse(json.Output).RootElement.GetProperty("a").ValueKind);
        ProgramResult word = await MekiProgram.Run(
            "run", "--chat", "Well?", "-m", MekiProgram.DemoModel, "--grammar", "root ::= \"yes\" | \"no\"", "-n", "40");
        Assert.Equal(0, word.ExitCode);
        Assert.Contains(word.Output.Trim(), (string[])["yes", "no"]);
    }

    [Fact]
    public async Task Guesses_change_no_text()
    {
        string[] arguments = ["run", "ROMEO: ROMEO: ROMEO: ROMEO:", "-m", MekiProgram.DemoModel, "-n", "60", "--temp", "0"];
        ProgramResult without = await MekiProgram.Run(arguments), with = await MekiProgram.Run([.. arguments, "--lookup", "15"]);
        Assert.Equal((0, without.Output), (with.ExitCode, with.Output));
    }

    private Task<ProgramResult> Chat(string input, params string[] more) => MekiProgram.RunWithInput(
        input.ReplaceLineEndings("\n") + "\n", ["chat", "-m", MekiProgram.DemoModel, "--chat-template", _template, Greedy, Few, .. more]);
}
