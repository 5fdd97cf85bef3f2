using System.CommandLine;
using System.Globalization;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using MeKi.Tool.Rows;
using Microsoft.Extensions.AI;

namespace MeKi.Tool;

/// <summary><c>meki chat</c>: a conversation in the terminal. Replies go to standard output, everything else to standard error.</summary>
internal static class ChatCommand
{
    public static Command Create()
    {
        Option<string?> model = DemoModel.Option();
        SamplingFlags sampling = new(maxTokens: 4096);
        GrammarFlags grammar = new();
        Option<string?> system = new("--system") { Description = "What the model is told before the conversation.", HelpName = "TEXT" };
        Option<string?> template = new("--chat-template") { Description = "A Jinja file in place of the model's own template.", HelpName = "FILE" };
        Option<string?> load = new("--load") { Description = "Go on with a conversation that /save wrote.", HelpName = "FILE" };
        Option<string> thinking = new("--thinking")
        {
            Description = "What becomes of the model's thoughts: show (dimmed), hide, or off, which tells the template that none are wanted.",
            HelpName = "HOW",
            DefaultValueFactory = _ => "show",
        };
        thinking.AcceptOnlyFromAmong("show", "hide", "off");
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        CacheOptions cache = new();
        RowOptions rows = new();
        AdapterFlags adapters = new();
        Command command = new("chat", "Talk with a model. /help lists what can be said to the program.") 
        {
            model, system, template, load, thinking, threads, memory,
        };
        sampling.AddTo(command);
        grammar.AddTo(command);
        cache.AddTo(command);
        rows.AddTo(command);
        adapters.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            LoadOptions options =
                adapters.Apply(parsed, cache.Apply(parsed,
                    new() { Threads = parsed.GetValue(threads), Rows = rows.Of(parsed), MaxMemory = memory.Bytes(parsed) }));
            using MeKiModel loaded = await ModelLoading.LoadAsync(parsed.GetValue(model) ?? DemoModel.Find(), options, cancellation).ConfigureAwait(false);
            ChatTemplate? own = parsed.GetValue(template) is { } file ? ChatTemplate.Load(file) : null;
            if (own is null)
                ModelLoading.Warn(loaded.ChatTemplate.Warnings.Except(loaded.LoadReport.Warnings));
            using Conversation conversation = new(loaded, own);
            using ChatInput input = new(cancellation);
            ChatLoop loop = new(conversation, input, sampling.Of(parsed) with { Grammar = grammar.Of(parsed) }, parsed.GetValue(thinking)!, cancellation);
            loop.SetSystem(parsed.GetValue(system));
            if (parsed.GetValue(load) is { } saved)
                loop.Load(saved);
            await loop.RunAsync().ConfigureAwait(false);
        });
        return command;
    }
}

/// <summary>Reads what the user says, and answers.</summary>
/// <param name="conversation">The conversation.</param>
/// <param name="input">What the user says.</param>
/// <param name="options">How to generate.</param>
/// <param name="thinking">What becomes of thoughts: show, hide or off.</param>
/// <param name="cancellation">Ends the program.</param>
internal sealed class ChatLoop(Conversation conversation, ChatInput input, GenerationOptions options, string thinking, CancellationToken cancellation)
{
    private const string Help =
        """
        /help             this list
        /reset            forget the conversation
        /system [TEXT]    what the model is told first; without a text, show it
        /save FILE        write the conversation, and what is computed of it beside it
        /load FILE        go on with a saved conversation
        /retry            another answer to the same question
        /stats            speed and size of the last answer
        /exit             leave; so does Ctrl-D. Ctrl-C stops an answer
        Several lines: paste them, end a line with \, or put them between two lines of three double quotes.
        """;

    private readonly bool _terminal = !Console.IsInputRedirected && !Console.IsErrorRedirected;
    private GenerationStatistics? _last;

    public void SetSystem(string? text)
    {
        if (conversation.Messages is [{ Role: var role }, ..] && role == ChatRole.System)
            conversation.Messages.RemoveAt(0);
        if (!string.IsNullOrEmpty(text))
            conversation.Messages.Insert(0, new(ChatRole.System, text));
    }

    public void Load(string path)
    {
        if (conversation.Load(path) is { } problem)
            Console.Error.WriteLine($"meki: warning: {problem} The next turn computes the conversation anew.");
    }

    public async Task RunAsync()
    {
        if (thinking == "off")
            conversation.Variables["enable_thinking"] = false;
        while (true)
        {
            if (_terminal)
                Console.Error.Write("> ");
            string? said = await input.ReadAsync().ConfigureAwait(false);
            if (said is null || said.Trim() is "/exit" or "/quit" or "/bye")
                return;
            if (said.Trim().Length == 0)
                continue;
            try
            {
                if (said.StartsWith('/'))
                    await CommandAsync(said.Trim()).ConfigureAwait(false);
                else
                    await AnswerAsync(stop => conversation.AskAsync(said, options, null, stop)).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is MeKiException or ContextOverflowException or NotSupportedException)
            {
                // The conversation goes on.
                Console.Error.WriteLine($"meki: {failure.Message}");
            }
        }
    }

    private async Task CommandAsync(string line)
    {
        int space = line.IndexOf(' ', StringComparison.Ordinal);
        (string name, string rest) = space < 0 ? (line, "") : (line[..space], line[space..].Trim());
        switch (name, rest)
        {
            case ("/help", _):
                Console.Error.WriteLine(Help);
                break;
            case ("/reset", _):
                string? system = System;
                conversation.Clear();
                SetSystem(system);
                break;
            case ("/system", ""):
                Console.Error.WriteLine(System ?? "(nothing)");
                break;
            case ("/system", _):
                SetSystem(rest);
                break;
            case ("/save", not ""):
                conversation.Save(rest);
                Console.Error.WriteLine($"saved to {rest}");
                break;
            case ("/load", not ""):
                Load(rest);
                break;
            case ("/retry", _):
                await RetryAsync().ConfigureAwait(false);
                break;
            case ("/stats", _):
                Console.Error.WriteLine(Stats());
                break;
            default:
                Console.Error.WriteLine($"meki: there is no command '{line}', or something is missing behind it; /help lists them");
                break;
        }
    }

    private string? System => conversation.Messages is [{ Role: var role } first, ..] && role == ChatRole.System ? first.Text : null;

    private async Task RetryAsync()
    {
        int last = conversation.Messages.Count;
        while (last > 0 && conversation.Messages[last - 1].Role != ChatRole.User)
            last--;
        if (last == 0)
        {
            Console.Error.WriteLine("meki: nothing was asked yet");
            return;
        }
        while (conversation.Messages.Count > last)
            conversation.Messages.RemoveAt(conversation.Messages.Count - 1);
        await AnswerAsync(stop => conversation.ReplyAsync(options, null, stop)).ConfigureAwait(false);
    }

    private async Task AnswerAsync(Func<CancellationToken, ChatReply> ask)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using IDisposable interrupts = TerminationSignals.Intercept(stop.Cancel);
        ChatReply reply = ask(stop.Token);
        TextOutput output = new(cancellation);
        bool dimmed = false, thinks = false;
        try
        {
            await foreach (ReplyEvent part in reply.ConfigureAwait(false))
            {
                if (part is ReplyReasoning && thinking != "show")
                    continue;
                bool dim = part is ReplyReasoning && StageProgress.TakesEscapeSequences && !Console.IsOutputRedirected;
                string before = (dim == dimmed ? "" : dim ? "\u001b[2m" : "\u001b[0m") + (thinks && part is not ReplyReasoning ? "\n" : "");
                (dimmed, thinks) = (dim, part is ReplyReasoning);
                await output.WriteAsync(before + part switch
                {
                    ReplyText text => text.Text,
                    ReplyReasoning thought => thought.Text,
                    ToolCall call => $"\n[calls {call.Name} with {call.Arguments}]\n",
                    _ => "",
                }).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The user has heard enough; what there is of the answer stays.
        }
        await output.WriteAsync((dimmed ? "\u001b[0m" : "") + Environment.NewLine).ConfigureAwait(false);
        _last = reply.Statistics;
        if (_last?.Reason == FinishReason.ContextFull)
            Console.Error.WriteLine($"meki: the context of {conversation.Model.Config.ContextLength} tokens is full; /reset begins anew");
    }

    private string Stats() => _last is not { } run ? "nothing was answered yet" : string.Create(CultureInfo.InvariantCulture,
        $"{run.PromptTokens} tokens of prompt, {run.ReusedTokens} of them computed before | prefill {run.PrefillTokensPerSecond:f1} tokens/s"
        + $" | {run.GeneratedTokens} generated, {run.DecodeTokensPerSecond:f1} tokens/s"
        + $"{(run.DraftedTokens > 0 ? $" | {run.AcceptedTokens} of {run.DraftedTokens} guesses right" : "")}"
        + $" | {conversation.Position} of {conversation.Model.Config.ContextLength} in the context");
}
