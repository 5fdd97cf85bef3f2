using MeKi.Model.Evaluation;
using MeKi.Model.Tests.Reference;
using MeKi.Model.Tokenization;
using MeKi.Tests;

namespace MeKi.Model.Tests.Evaluation;

public class TaskScoringTests
{
    private static readonly string Folder = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    [Fact]
    public void The_likeliest_choice_wins_and_acc_norm_divides_by_characters()
    {
        TaskQuestion question = new(1, [new("c", " ab", 2), new("c", " abcdefgh", 8)], 1);
        // −4 > −8, but −4/2 < −8/8. Of equals the first wins.
        ContinuationScore[] longerIsBetter = [new(-4, false), new(-8, false)], equal = [new(-5, false), new(-5, false)],
            clear = [new(-9, false), new(-3, true)];

        TaskResult normalized = EvaluationTask.Find("piqa").Grade([question, question, question], [longerIsBetter, equal, clear]);
        Assert.Equal(1 / 3.0, normalized.Accuracy.Mean, 1e-15);
        Assert.Equal(1, normalized.NormalizedAccuracy!.Value.Mean, 1e-15);
        Assert.Equal(Math.Sqrt(1 / 3.0 * (2 / 3.0) / 2), normalized.Accuracy.StandardError, 1e-15);
        Assert.Null(normalized.Perplexity);

        TaskResult plain = EvaluationTask.Find("copa").Grade([question], [clear]);
        Assert.Equal((1, double.NaN), (plain.Accuracy.Mean, plain.Accuracy.StandardError));
        Assert.Null(plain.NormalizedAccuracy);
    }

    [Fact]
    public void Lambada_counts_greedy_words_and_their_perplexity()
    {
        TaskQuestion question = new(1, [new("c", " word", 4)], 0);
        TaskResult result = EvaluationTask.Find("lambada_openai").Grade([question, question], [[new(-1, true)], [new(-4, false)]]);
        Assert.Equal(0.5, result.Accuracy.Mean);
        Assert.Equal(Math.Exp(2.5), result.Perplexity!.Value, 1e-12);
        Assert.Null(result.NormalizedAccuracy);
    }

    [Theory]
    [InlineData("arc_easy", true)]
    [InlineData("arc_challenge", true)]
    [InlineData("boolq", false)]
    [InlineData("copa", false)]
    [InlineData("hellaswag", true)]
    [InlineData("lambada_openai", false)]
    [InlineData("openbookqa", true)]
    [InlineData("piqa", true)]
    [InlineData("sciq", true)]
    [InlineData("winogrande", false)]
    public void Scores_are_those_of_a_pass_over_each_whole_sequence(string name, bool normalized)
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        EvaluationTask task = EvaluationTask.Find(name);
        List<TaskQuestion> questions = task.Read(TaskPromptTests.FixtureOf(name));
        using ContinuationScorer scorer = new(model);
        List<ContinuationScore[]> given = [];
        int right = 0, rightNormalized = 0;
        double total = 0;
        foreach (TaskQuestion question in questions)
        {
            (double Sum, bool Greedy)[] scores = [.. question.Continuations.Select(each => Likelihood(model, each.Context, each.Text))];
            int best = 0, bestNormalized = 0;
            for (int choice = 1; choice < scores.Length; choice++)
            {
                best = scores[choice].Sum > scores[best].Sum ? choice : best;
                (double challenger, double holder) =
                    (scores[choice].Sum / question.Continuations[choice].ChoiceLength,
                    scores[bestNormalized].Sum / question.Continuations[bestNormalized].ChoiceLength);
                bestNormalized = challenger > holder ? choice : bestNormalized;
            }
            right += name == "lambada_openai" ? (scores[0].Greedy ? 1 : 0) : best == question.Answer ? 1 : 0;
            rightNormalized += bestNormalized == question.Answer ? 1 : 0;
            total += scores[0].Sum;

            given.Add([.. question.Continuations.Select(each => scorer.Score(each, default))]);
            Assert.All(given[^1].Zip(scores), pair => Assert.Equal(pair.Second.Sum, pair.First.LogLikelihood, 1e-4));
            Assert.Equal(scores.Select(score => score.Greedy), given[^1].Select(score => score.IsGreedy));
        }

        TaskResult result = task.Grade(questions, given);

        Assert.Equal((name, questions.Count), (result.Task, result.Questions));
        Assert.Equal(right, result.Accuracy.Mean * questions.Count, 1e-9);
        Assert.Equal(normalized, result.NormalizedAccuracy is not null);
        if (normalized)
            Assert.Equal(rightNormalized, result.NormalizedAccuracy!.Value.Mean * questions.Count, 1e-9);
        if (name == "lambada_openai")
        {
            Assert.Equal(result, task.Evaluate(model, TaskPromptTests.FixtureOf(name)));
            Assert.Equal(Math.Exp(-total / questions.Count), result.Perplexity!.Value, Math.Exp(-total / questions.Count) * 1e-4);
        }
        else
            Assert.Null(result.Perplexity);
    }

    [Fact]
    public void Spaces_at_the_end_of_a_context_move_to_the_continuation()
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        (int[] context, int[] continuation) = ContinuationScorer.Encode(model.Tokenizer!, "The king  ", " is here");
        Assert.Equal(model.Tokenizer!.Encode("The king"), context);
        Assert.Equal("   is here", model.Tokenizer!.Decode(continuation));
    }

    [Fact]
    public void An_empty_context_is_the_token_that_begins_or_else_ends_a_text()
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        int[] silence = model.Tokenizer!.Encode(" Silence", addSpecial: false);
        BytePairData data = (BytePairData)model.Tokenizer!.Data;
        (int[] begun, int[] rest) = ContinuationScorer.Encode(new BytePairTokenizer(data with { BosId = 3, EosIds = [5, 6] }), "", " Silence");
        Assert.Equal([3], begun);
        Assert.Equal(silence, rest);
        Assert.Equal([5], ContinuationScorer.Encode(new BytePairTokenizer(data with { BosId = null, EosIds = [5, 6] }), "", " Silence").Context);
        (int[] itself, int[] after) = ContinuationScorer.Encode(new BytePairTokenizer(data with { BosId = silence[0] }), "", " Silence");
        Assert.Equal((silence[0], silence[1..].Length), (Assert.Single(itself), after.Length));
    }

    [Fact]
    public void A_sequence_longer_than_the_context_loses_its_beginning()
    {
        Assert.Equal([1, 2, 3, 4, 5], ContinuationScorer.Fit([1, 2, 3], [4, 5], contextLength: 4));
        Assert.Equal([2, 3, 4, 5], ContinuationScorer.Fit([1, 2, 3], [4, 5], contextLength: 3));
        Assert.Equal([3, 4, 5], ContinuationScorer.Fit([1, 2, 3], [4, 5], contextLength: 2));
    }

    /// <summary>The harness's rule written out: white space moves over, both texts encoded as one, split at the context's own number of tokens.</summary>
    private static (double Sum, bool Greedy) Likelihood(MeKiModel model, string context, string continuation)
    {
        int[] before, after;
        if (context.Length == 0)
        {
            before = [model.Tokenizer!.BosId ?? model.Tokenizer!.EosIds[0]];
            after = model.Tokenizer!.Encode(continuation, addSpecial: false);
        }
        else
        {
            int spaces = context.Length - context.TrimEnd().Length;
            (context, continuation) = (context[..^spaces], context[^spaces..] + continuation);
            before = model.Tokenizer!.Encode(context);
            after = model.Tokenizer!.Encode(context + continuation)[before.Length..];
        }
        int[] all = [.. before, .. after];
        float[] logits = GoldenAssert.AllLogits(model, all);
        double sum = -GoldenAssert.Nll(logits, all)[^after.Length..].Sum();
        bool greedy = true;
        for (int i = before.Length; i < all.Length; i++)
        {
            float[] row = logits[((i - 1) * model.Config.VocabularySize)..(i * model.Config.VocabularySize)];
            greedy &= Array.IndexOf(row, row.Max()) == all[i];
        }
        return (sum, greedy);
    }
}
