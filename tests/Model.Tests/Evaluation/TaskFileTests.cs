using System.Text;
using MeKi.Model.Evaluation;
using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Model.Tests.Evaluation;

/// <summary>Every defect of a task file is one message that names the file, the line and the field.</summary>
public class TaskFileTests
{
    private const string Good = """{"goal":"g","sol1":"a","sol2":"b","label":0}""";

    [Theory]
    [InlineData("piqa", "", ": the file has no questions.")]
    [InlineData("piqa", "\n \r\n", ": the file has no questions.")]
    [InlineData("piqa", Good + "\n\n{\"goal\":", ": line 3: the line is not valid JSON (byte 8).")]
    [InlineData("piqa", Good + "\n" + Good + "}", ": line 2: the line is not valid JSON")]
    [InlineData("piqa", "[1]", ": line 1: the line is not a JSON object.")]
    [InlineData("piqa", Good + "\r\n{\"goal\":\"g\",\"sol1\":\"a\",\"label\":0}\r\n", ": line 2: field 'sol2' is missing.")]
    [InlineData("piqa", """{"goal":7,"sol1":"a","sol2":"b","label":0}""", ": line 1: field 'goal' has Number where String is expected.")]
    [InlineData("piqa", """{"goal":"g","sol1":"a","sol2":"b","label":2}""", ": line 1: field 'label' is '2', which is not among the choices '0 to 1'.")]
    [InlineData("piqa", """{"goal":"g","sol1":"a","sol2":"b","label":-1}""", ": line 1: field 'label' is '-1', which is not among")]
    [InlineData("piqa", """{"goal":"g","sol1":"a","sol2":"b","label":0.5}""", ": line 1: field 'label' is '0.5', which is not among")]
    [InlineData("piqa", """{"goal":"\ud800","sol1":"a","sol2":"b","label":0}""", ": line 1: field 'goal' holds text that is not valid")]
    [InlineData("hellaswag", """{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x",null],"label":"0"}""",
        ": line 1: field 'endings' has Null where String is expected.")]
    [InlineData("hellaswag", """{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x","y"],"label":""}""",
        ": line 1: field 'label' is '\"\"', which is not among")]
    [InlineData("arc_easy", """{"question":"q","choices":{"text":["x"]},"answerKey":"A"}""", ": line 1: field 'choices.label' is missing.")]
    [InlineData("arc_easy", """{"question":"q","choices":{"text":["x"],"label":["A","B"]},"answerKey":"A"}""",
        ": line 1: field 'choices' has 1 texts but 2 labels.")]
    [InlineData("arc_easy", """{"question":"q","choices":{"text":["x","y"],"label":["A","B"]},"answerKey":"C"}""",
        ": line 1: field 'answerKey' is 'C', which is not among the choices 'A, B'.")]
    [InlineData("arc_easy", """{"question":{"stem":"q","choices":[{"label":"A"}]},"answerKey":"A"}""", ": line 1: field 'question.choices.text' is missing.")]
    [InlineData("copa", """{"premise":"p.","choice1":"a","choice2":"b","question":"why","label":0}""",
        ": line 1: field 'question' is neither 'cause' nor 'effect'.")]
    [InlineData("copa", """{"premise":" ","choice1":"a","choice2":"b","question":"cause","label":0}""", ": line 1: field 'premise' is empty.")]
    [InlineData("winogrande", """{"sentence":"no blank","option1":"a","option2":"b","answer":"1"}""", ": line 1: field 'sentence' has no blank '_'.")]
    [InlineData("winogrande", """{"sentence":"a _ b","option1":"a","option2":"b","answer":""}""",
        ": line 1: field 'answer' is '', which is not among the choices '1, 2'.")]
    [InlineData("boolq", """{"passage":"p","question":"q"}""", ": line 1: field 'label' is missing.")]
    public void A_defect_is_named_with_its_line(string task, string content, string message)
    {
        using TemporaryFolder folder = new();
        string path = folder.Add("task.jsonl", Encoding.UTF8.GetBytes(content));
        Assert.StartsWith(path + message, Assert.Throws<EvaluationException>(() => EvaluationTask.Find(task).Read(path)).Message);
    }

    [Theory]
    [Trait("Fault", "18.18")]
    [InlineData("boolq", """{"\ud800":"x","passage":"p","question":"q","label":0}""", ": line 2: a field's name is not valid UTF-8 or UTF-16.")]
    [InlineData("boolq", """{"passage":"p","question":"q","label":0,"answer\udc00":1}""", ": line 2: a field's name is not valid UTF-8 or UTF-16.")]
    [InlineData("arc_easy", """{"question":{"stem":"q","\ud800":0},"answerKey":"A"}""", ": line 2: a field's name is not valid UTF-8 or UTF-16.")]
    [InlineData("arc_easy", """{"question":"q","choices":{"text":["x"],"label":["\udfff"]},"answerKey":"A"}""",
        ": line 2: field 'choices.label' holds text that is not valid")]
    [InlineData("piqa", """{"goal":"g","sol1":"a","sol2":"b","label":{"\ud800":1}}""", ": line 2: a field's name is not valid UTF-8 or UTF-16.")]
    [InlineData("piqa", """{"goal":"g","sol1":"a","sol2":"b","label":["\u00ff"]}""", ": line 2: field 'label' holds text that is not valid")]
    [InlineData("piqa", """{"\u00ff":"g","sol1":"a","sol2":"b","label":0}""", ": line 2: field 'goal' is missing")]
    public void Text_that_is_no_text_is_named_with_its_line(string task, string line, string message)
    {
        using TemporaryFolder folder = new();
        // Written as Latin-1, so that a character from 128 on is a byte that is not UTF-8; the escapes of JSON stay what they are.
        string path = folder.Add("task.jsonl", Encoding.Latin1.GetBytes("\n" + line.Replace("\\u00ff", "\u00ff", StringComparison.Ordinal) + "\n"));
        Assert.StartsWith(path + message, Assert.Throws<EvaluationException>(() => EvaluationTask.Find(task).Read(path)).Message);
    }

    [Fact]
    [Trait("Fault", "18.18")]
    public void Lines_that_nest_too_deeply_or_are_too_long_are_named_and_the_last_of_two_equal_fields_counts()
    {
        using TemporaryFolder folder = new();
        string deep = Good[..^1] + ",\"x\":" + new string('[', 100_000) + "}";
        Assert.StartsWith("the line is not valid JSON", Problem(deep));
        string many = Good[..^1] + ",\"x\":[0" + string.Concat(Enumerable.Repeat(",0", 2_100_000)) + "]}";
        Assert.StartsWith("the line has 4200", Problem(many));
        string path = folder.Add("twice.jsonl", Encoding.UTF8.GetBytes(Good[..^1] + ",\"label\":1}"));
        Assert.Equal(1, Assert.Single(EvaluationTask.Find("piqa").Read(path)).Answer);

        string Problem(string line)
        {
            string file = folder.Add("bad.jsonl", Encoding.UTF8.GetBytes(Good + "\n" + line));
            EvaluationException failure = Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Read(file));
            Assert.Equal((file, "line 2"), (failure.Path, failure.Place));
            return failure.Problem;
        }
    }

    [Theory]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("-0")]
    [InlineData("1,0")]
    [InlineData("\u0661")]
    [Trait("Fault", "18.6")]
    public void A_number_in_a_text_is_digits_and_nothing_else(string text)
    {
        using TemporaryFolder folder = new();
        string path = folder.Add("task.jsonl", Encoding.UTF8.GetBytes(Good.Replace("\"label\":0", $"\"label\":\"{text}\"", StringComparison.Ordinal)));
        EvaluationException failure = Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Read(path));
        Assert.StartsWith($"{path}: line 1: field 'label' is '", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_named_with_their_line()
    {
        using TemporaryFolder folder = new();
        byte[] bytes = Encoding.Latin1.GetBytes(Good + "\n" + Good.Replace("\"a\"", "\"\u00e9\"", StringComparison.Ordinal));
        string path = folder.Add("latin.jsonl", bytes);
        Assert.StartsWith($"{path}: line 2: ", Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Read(path)).Message);
    }

    [Fact]
    public void A_byte_order_mark_and_blank_lines_are_passed_over_and_a_limit_ends_the_reading()
    {
        using TemporaryFolder folder = new();
        string path = folder.Add("marked.jsonl", Encoding.UTF8.GetBytes("\uFEFF" + Good + "\n\n" + Good + "\nrubbish"));
        Assert.Equal([1, 3], EvaluationTask.Find("piqa").Read(path, 2).Select(question => question.Line));
        Assert.StartsWith($"{path}: line 4: ", Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Read(path, 3)).Message);
    }

    [Fact]
    public void A_missing_file_and_an_unknown_task_are_refused()
    {
        using TemporaryFolder folder = new();
        Assert.Equal($"{folder["no.jsonl"]}: there is no such file.",
            Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Read(folder["no.jsonl"])).Message);
        Assert.Equal(
            "there is no task 'mmlu'. Known are arc_challenge, arc_easy, boolq, copa, hellaswag, lambada_openai, openbookqa, piqa, sciq, winogrande.",
            Assert.Throws<EvaluationException>(() => EvaluationTask.Find("mmlu")).Message);
    }

    [Fact]
    public void A_question_the_model_cannot_take_is_named_with_its_line()
    {
        using TemporaryFolder folder = new();
        using MeKiModel model = MeKiModel.Load(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki"));
        string tooLong = string.Concat(Enumerable.Repeat("king ", model.Config.ContextLength + 1));
        string path = folder.Add("long.jsonl", Encoding.UTF8.GetBytes(Good + "\n" + Good.Replace("\"a\"", $"\"{tooLong}\"", StringComparison.Ordinal)));
        EvaluationException failure = Assert.Throws<EvaluationException>(() => EvaluationTask.Find("piqa").Evaluate(model, path));
        Assert.StartsWith($"{path}: line 2: a continuation of ", failure.Message);
        Assert.EndsWith($" tokens exceeds the model's context of {model.Config.ContextLength}.", failure.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => EvaluationTask.Find("piqa").Evaluate(model, path, limit: 0));
    }
}
