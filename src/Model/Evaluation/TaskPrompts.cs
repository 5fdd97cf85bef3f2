using System.Text;
using System.Text.RegularExpressions;

namespace MeKi.Model.Evaluation;

/// <summary>
/// The prompts of the tasks: what the task definitions of EleutherAI's lm-evaluation-harness (<c>lm_eval/tasks/*/*.yaml</c>) make of a data set's row, without
/// examples. A choice follows its context after one space, the harness's target delimiter.
/// </summary>
internal static partial class TaskPrompts
{
    /// <summary>The question in a row of a task's file.</summary>
    public static TaskQuestion Read(string task, TaskRow row) => task switch
    {
        "arc_challenge" or "arc_easy" => Arc(row),
        "boolq" => BoolQ(row),
        "copa" => Copa(row),
        "hellaswag" => HellaSwag(row),
        "lambada_openai" => Lambada(row),
        "openbookqa" => OpenBookQa(row),
        "piqa" => Piqa(row),
        "sciq" => SciQ(row),
        "winogrande" => WinoGrande(row),
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "There are no prompts for this task."),
    };

    /// <summary><c>arc_easy</c>, <c>arc_challenge</c>: Hugging Face's rows, or those of AI2's own files, whose question is an object.</summary>
    private static TaskQuestion Arc(TaskRow row)
    {
        bool original = row.HasObject("question");
        string question = original ? row.Object("question").Text("stem") : row.Text("question");
        return LabelledChoices(row, original ? row.Object("question") : row, $"Question: {question}\nAnswer:");
    }

    /// <summary><c>openbookqa</c>: Hugging Face's rows, or AI2's own.</summary>
    private static TaskQuestion OpenBookQa(TaskRow row) => row.HasObject("question")
        ? LabelledChoices(row, row.Object("question"), row.Object("question").Text("stem"))
        : LabelledChoices(row, row, row.Text("question_stem"));

    /// <summary><c>boolq</c>: SuperGLUE's rows, or the original ones with <c>answer</c>.</summary>
    private static TaskQuestion BoolQ(TaskRow row) => Choices(
        row, $"{row.Text("passage")}\nQuestion: {row.Text("question")}?\nAnswer:", ["no", "yes"], row.Answer(row.Has("answer") ? "answer" : "label", 2));

    /// <summary><c>copa</c>. The choices begin with a space of their own, so two spaces follow the context, as in the harness.</summary>
    private static TaskQuestion Copa(TaskRow row)
    {
        string connector = row.Text("question") switch
        {
            "cause" => "because",
            "effect" => "therefore",
            _ => throw row.Wrong("question", "is neither 'cause' nor 'effect'"),
        };
        string premise = row.Text("premise").Trim();
        if (premise.Length == 0)
            throw row.Wrong("premise", "is empty");
        return Choices(row, $"{premise[..^1]} {connector}", [Choice("choice1"), Choice("choice2")], row.Answer("label", 2));

        string Choice(string field) => " " + WithFirst(row.Text(field), Rune.ToLowerInvariant);
    }

    /// <summary><c>hellaswag</c>.</summary>
    private static TaskQuestion HellaSwag(TaskRow row)
    {
        string continued = WithFirst(row.Text("ctx_b").ToLowerInvariant(), Rune.ToUpperInvariant);
        string[] endings = [.. row.Texts("endings").Select(WithoutMarks)];
        return Choices(row, WithoutMarks($"{row.Text("activity_label")}: {row.Text("ctx_a")} {continued}"), endings, row.Answer("label", endings.Length));
    }

    /// <summary><c>lambada_openai</c>: the last word, after the last space, is to be found.</summary>
    private static TaskQuestion Lambada(TaskRow row)
    {
        string text = row.Text("text");
        int space = text.LastIndexOf(' ');
        string word = text[(space + 1)..];
        return new(row.Line, [new(text[..Math.Max(space, 0)], " " + word, CodePoints(word))], 0);
    }

    /// <summary><c>piqa</c>.</summary>
    private static TaskQuestion Piqa(TaskRow row) =>
        Choices(row, $"Question: {row.Text("goal")}\nAnswer:", [row.Text("sol1"), row.Text("sol2")], row.Answer("label", 2));

    /// <summary><c>sciq</c>.</summary>
    private static TaskQuestion SciQ(TaskRow row) => Choices(
        row, $"{row.Text("support").TrimStart()}\nQuestion: {row.Text("question")}\nAnswer:",
        [row.Text("distractor1"), row.Text("distractor2"), row.Text("distractor3"), row.Text("correct_answer")], answer: 3);

    /// <summary><c>winogrande</c>, partial evaluation: each option fills the blank of the context, and what follows the blank is scored.</summary>
    private static TaskQuestion WinoGrande(TaskRow row)
    {
        string sentence = row.Text("sentence");
        int blank = sentence.IndexOf('_', StringComparison.Ordinal);
        if (blank < 0)
            throw row.Wrong("sentence", "has no blank '_'");
        string ending = " " + sentence[(blank + 1)..].Trim();
        string[] filled = [sentence[..blank] + row.Text("option1"), sentence[..blank] + row.Text("option2")];
        return new(row.Line, [.. filled.Select(context => new Continuation(context, ending, CodePoints(context)))], row.Answer("answer", ["1", "2"]));
    }

    private static TaskQuestion LabelledChoices(TaskRow row, TaskRow holder, string context)
    {
        bool columns = holder.HasObject("choices");
        TaskRow[] choices = columns ? [] : holder.Objects("choices");
        string[] texts = columns ? holder.Object("choices").Texts("text") : [.. choices.Select(choice => choice.Text("text"))];
        string[] labels = columns ? holder.Object("choices").Texts("label") : [.. choices.Select(choice => choice.Text("label"))];
        if (labels.Length != texts.Length)
            throw holder.Wrong("choices", $"has {texts.Length} texts but {labels.Length} labels");
        return Choices(row, context, texts, row.Answer("answerKey", labels));
    }

    private static TaskQuestion Choices(TaskRow row, string context, string[] choices, int answer) =>
        new(row.Line, [.. choices.Select(choice => new Continuation(context, " " + choice, CodePoints(choice)))], answer);

    // Brackets are left over from the WikiHow part of HellaSwag.
    private static string WithoutMarks(string text) =>
        Mark().Replace(text.Trim().Replace(" [title]", ". ", StringComparison.Ordinal), "").Replace("  ", " ", StringComparison.Ordinal);

    private static string WithFirst(string text, Func<Rune, Rune> change) =>
        Rune.DecodeFromUtf16(text, out Rune first, out int length) == System.Buffers.OperationStatus.Done ? change(first) + text[length..] : text;

    private static int CodePoints(string text) => text.EnumerateRunes().Count();

    [GeneratedRegex(@"\[.*?\]", RegexOptions.CultureInvariant)]
    private static partial Regex Mark();
}
