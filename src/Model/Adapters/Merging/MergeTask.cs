using MeKi.Model.Evaluation;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Adapters.Merging;

/// <summary>A text to score.</summary>
/// <param name="Tokens">At least two.</param>
/// <param name="First">The first token that counts, 1 or more.</param>
internal sealed record MergeText(int[] Tokens, int First);

/// <summary>A task: its adapter and a few texts.</summary>
/// <param name="Adapter">The adapter; its name is the task's.</param>
/// <param name="Examples">Its examples.</param>
internal sealed record MergeTask(LoraAdapter Adapter, IReadOnlyList<MergeText> Examples)
{
    /// <summary>The task's name.</summary>
    public string Name => Adapter.Name;

    /// <summary>
    /// Reads texts, a JSON object a line: <c>text</c>, all of which counts, or <c>prompt</c> and <c>answer</c>, of which the answer does. No special tokens
    /// are added.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="most">The most tokens of a text; the rest is left out.</param>
    /// <exception cref="EvaluationException">The file cannot be read, a line is no such object, or no text has two tokens.</exception>
    public static List<MergeText> ReadTexts(string path, Tokenizer tokenizer, int most)
    {
        List<TaskQuestion> lines = TaskFile.Read(path, row => new(row.Line,
            [row.Has("answer") ? new(row.Text("prompt"), row.Text("answer"), 0) : new("", row.Text("text"), 0)], 0), null);
        List<MergeText> texts = [];
        foreach (Continuation line in lines.Select(line => line.Continuations[0]))
        {
            int[] prompt = tokenizer.Encode(line.Context, addSpecial: false, parseSpecial: false);
            int[] tokens = [.. prompt, .. tokenizer.Encode(line.Text, addSpecial: false, parseSpecial: false)];
            int first = Math.Max(prompt.Length, 1);
            if (Math.Min(tokens.Length, most) > first)
                texts.Add(new(tokens[..Math.Min(tokens.Length, most)], first));
        }
        return texts.Count > 0 ? texts : throw new EvaluationException(path, "", "no text has a token to predict",
            "Give longer texts: a model predicts the second token from the first");
    }
}
