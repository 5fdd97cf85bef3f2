using System.Text;
using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Evaluation;
using MeKi.Model.Replies;
using MeKi.Model.Tests.Files;

namespace MeKi.Fuzz.Readers;

/// <summary>Data sets of evaluation tasks, JSON lines.</summary>
internal sealed class TasksReader : Reader
{
    private static readonly JsonMutation s_json = new("question", "stem", "choices", "text", "label", "answerKey", "answer", "passage", "premise", "choice1",
        "choice2", "cause", "effect", "ctx_a", "ctx_b", "endings", "goal", "sol1", "sol2", "sentence", "option1", "option2", "support", "distractor1",
        "correct_answer", "question_stem", "activity_label", "idx", "id", "A", "1");

    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model;

    public TasksReader()
    {
        TinyModels.Talking(_folder["model"]);
        _model = MeKiModel.Load(_folder["model"], new() { Threads = 1 });
    }

    public override string Name => "tasks";

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        if (random.Next(6) == 0)
            return BytesMutation.Mutate(input, other, random);
        // Lines of JSON, each by itself.
        byte[][] lines = [.. Encoding.UTF8.GetString(input).Split('\n').Select(Encoding.UTF8.GetBytes)], others =
            [.. Encoding.UTF8.GetString(other).Split('\n').Select(Encoding.UTF8.GetBytes)];
        int at = random.Next(lines.Length);
        lines[at] = s_json.Mutate(lines[at], Interesting.Pick(random, others), random);
        return [.. lines.SelectMany(line => line.Append((byte)'\n')).SkipLast(1)];
    }

    public override void Read(byte[] input, Random random)
    {
        string path = _folder.Add("task.jsonl", input);
        MeKiException? refused = null;
        foreach (EvaluationTask task in EvaluationTask.All)
        {
            try
            {
                task.Evaluate(_model, path, limit: 2);
                return;
            }
            catch (MeKiException failure)
            {
                refused = failure;
            }
        }
        throw refused!;
    }

    protected override void Close()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}

/// <summary>Saved conversations.</summary>
internal sealed class ConversationReader : Reader
{
    private static readonly JsonMutation s_json = new("messages", "text", "tokens", "role", "content", "tool_calls", "function", "name", "arguments", "id",
        "tool_call_id", "reasoning_content", "tool", "user", "assistant", "type");

    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model;

    public ConversationReader()
    {
        TinyModels.Talking(_folder["model"]);
        _model = MeKiModel.Load(_folder["model"], new() { Threads = 1 });
    }

    public override string Name => "conversation";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    public override bool IsTyped(Exception failure) => base.IsTyped(failure) || failure is ContextOverflowException;

    public override void Read(byte[] input, Random random)
    {
        using Conversation conversation = new(_model);
        conversation.Load(_folder.Add("chat.json", input));
        conversation.Render();
        if (random.Next(4) == 0)
            Answer(conversation).GetAwaiter().GetResult();
    }

    protected override void Close()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);

    private static async Task Answer(Conversation conversation)
    {
        await foreach (ReplyEvent _ in conversation.AskAsync("a", new() { MaxTokens = 3, Seed = 1 }))
        {
        }
    }
}
