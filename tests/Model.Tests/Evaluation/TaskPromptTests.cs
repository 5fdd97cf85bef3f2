using MeKi.Model.Evaluation;
using MeKi.Tests;

namespace MeKi.Model.Tests.Evaluation;

/// <summary>What each task makes of a row, character for character.</summary>
public class TaskPromptTests
{
    public static string FixtureOf(string task) =>
        Path.Combine(SharedMaterial.Repository, "tests", "Model.Tests", "Evaluation", "tasks", $"{task}.jsonl");

    [Fact]
    public void Arc_takes_both_published_forms()
    {
        Is("arc_easy", 0, "Question: What does a king wear upon his head?\nAnswer:", [" a crown", " a boot", " the sea", " a loaf of bread"], [7, 6, 7, 15]);
        Is("arc_easy", 2, "Question: What do horses eat?\nAnswer:", [" hay", " iron nails and old leather"], [3, 26]);
        Is("arc_challenge", 1, "Question: Why does iron left in the rain turn red?\nAnswer:",
            [" it blushes", " it takes up oxygen from the air", " it grows cold"], [10, 31, 13]);
    }

    [Fact]
    public void BoolQ_asks_for_no_or_yes() => Is(
        "boolq", 0, "The old bridge at Marlow was built of wood and burned twice.\nQuestion: was the old bridge at marlow made of wood?\nAnswer:",
            [" no", " yes"], [2, 3]);

    [Fact]
    public void Copa_joins_the_sentences_with_two_spaces()
    {
        Is("copa", 0, "The candle went out because", ["  the wind blew through the hall.", "  the cook baked bread."], [32, 22]);
        Is("copa", 1, "The soldier dropped his shield therefore", ["  he slept in a bed.", "  he was struck."], [19, 15]);
    }

    [Fact]
    public void HellaSwag_drops_marks_and_capitalises_the_second_part()
    {
        Is("hellaswag", 0, "Fencing: Two men stand in a yard with swords. One of them",
            [" lifts his blade and salutes.", " swims across the moon.", " eats his boots slowly.", " becomes a tree."], [28, 22, 22, 15]);
        Is("hellaswag", 1, "How to bake a loaf: How to bake a loaf. Mix the flour. Add water and salt.",
            [" Knead the dough.", " Sell the oven.", " Shout at it.", " Bury the flour."], [16, 14, 12, 15]);
    }

    [Fact]
    public void Lambada_asks_for_what_follows_the_last_space()
    {
        Is("lambada_openai", 0, "He called for his horse, and when they brought it he mounted the", [" horse"], [5]);
        Is("lambada_openai", 2, "", [" Silence"], [7]);
    }

    [Fact]
    public void OpenBookQa_asks_the_bare_stem()
    {
        Is("openbookqa", 0, "A shadow grows longest when the sun is", [" low", " high", " green", " asleep"], [3, 4, 5, 6]);
        Is("openbookqa", 2, "Seeds become", [" plants", " coins", " stars and moons", " kings"], [6, 5, 15, 5]);
    }

    [Fact]
    public void Piqa_asks_for_the_goal() =>
        Is("piqa", 0, "Question: To sharpen a knife\nAnswer:", [" draw it along a wet stone.", " draw it through a bowl of soup."], [26, 31]);

    [Fact]
    public void SciQ_gives_the_support_first()
    {
        Is("sciq", 0, "Air is a mixture of gases. One of them, oxygen, keeps us alive.\nQuestion: What gas do we breathe to live?\nAnswer:",
            [" smoke", " helium", " steam", " oxygen"], [5, 6, 5, 6]);
        Is("sciq", 1, "\nQuestion: What force pulls an apple to the ground?\nAnswer:", [" magnetism", " wind", " friction", " gravity"], [9, 4, 8, 7]);
    }

    [Fact]
    public void WinoGrande_scores_what_follows_the_blank_after_each_option()
    {
        TaskQuestion question = EvaluationTask.Find("winogrande").Read(FixtureOf("winogrande"))[0];
        Assert.Equal(
            [
                new("The lord gave the servant his cloak because the servant", " was cold.", 55),
                new("The lord gave the servant his cloak because the lord", " was cold.", 52),
            ], question.Continuations);
    }

    [Theory]
    [InlineData("arc_easy", new[] { 0, 1, 0 })]
    [InlineData("arc_challenge", new[] { 0, 1, 2 })]
    [InlineData("boolq", new[] { 1, 0, 0, 1 })]
    [InlineData("copa", new[] { 0, 1, 1 })]
    [InlineData("hellaswag", new[] { 0, 0, 2 })]
    [InlineData("openbookqa", new[] { 0, 1, 0 })]
    [InlineData("piqa", new[] { 0, 1, 0 })]
    [InlineData("sciq", new[] { 3, 3, 3 })]
    [InlineData("winogrande", new[] { 0, 1, 1 })]
    public void Answers_are_found_in_every_form(string task, int[] answers) =>
        Assert.Equal(answers, EvaluationTask.Find(task).Read(FixtureOf(task)).Select(question => question.Answer));

    [Fact]
    public void Lengths_count_code_points()
    {
        using Files.TemporaryFolder folder = new();
        string path = folder.Add("emoji.jsonl", """{"goal":"g","sol1":"\ud83d\udc0e\ud83d\udc0e","sol2":"éa","label":0}"""u8);
        Assert.Equal([2, 2], EvaluationTask.Find("piqa").Read(path)[0].Continuations.Select(continuation => continuation.ChoiceLength));
    }

    private static void Is(string task, int index, string context, string[] texts, int[] lengths)
    {
        TaskQuestion question = EvaluationTask.Find(task).Read(FixtureOf(task))[index];
        Assert.All(question.Continuations, continuation => Assert.Equal(context, continuation.Context));
        Assert.Equal(texts, question.Continuations.Select(continuation => continuation.Text));
        Assert.Equal(lengths, question.Continuations.Select(continuation => continuation.ChoiceLength));
    }
}
