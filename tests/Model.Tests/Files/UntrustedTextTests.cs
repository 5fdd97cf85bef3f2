using System.Globalization;
using System.Text;
using MeKi.Model.Evaluation;
using MeKi.Model.Tests.Gguf;
using MeKi.Store;

namespace MeKi.Model.Tests.Files;

/// <summary>What comes from a file reaches a terminal as a part of one line, whatever it is.</summary>
[Trait("Fault", "18.16")]
public sealed class UntrustedTextTests : IDisposable
{
    /// <summary>Controls of both kinds, marks of direction, characters without width, ends of lines, halves of pairs, tags.</summary>
    private const string Hostile = "\u001b[2J\u0007\u007f\u009b31m\u0085\u2028\u2029\u202a\u202e\u2066\u2069\u200b\u200e\u200f\u2060\ufeff\u00ad\u061c\u3164"
        + "\ud800\udc00\udc00\ud800\udb40\udc41\r\n\tz";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_cannot_be_seen_is_not_shown()
    {
        string shown = UntrustedText.Line(Hostile, 1000);
        AssertHarmless(shown);
        Assert.EndsWith("???z", shown, StringComparison.Ordinal);
        Assert.Equal("schön, 日本 🙂 'x'", UntrustedText.Line("schön, 日本 🙂 'x'", 1000));
        Assert.Equal("plain", UntrustedText.Line("plain", 5));
    }

    [Fact]
    public void Long_text_is_cut_and_never_within_a_character()
    {
        Assert.Equal("ab...", UntrustedText.Line("abc", 2));
        Assert.Equal("a...", UntrustedText.Line("a🙂b", 2));
        Assert.Equal("a🙂...", UntrustedText.Line("a🙂b", 3));
        Assert.Equal($"'{new string('x', 80)}...'", UntrustedText.Quote(new string('x', 100_000)));
    }

    [Theory]
    [InlineData(nameof(ModelFileException))]
    [InlineData(nameof(RowFileException))]
    [InlineData(nameof(SessionFileException))]
    [InlineData(nameof(EvaluationException))]
    public void Every_exception_says_it_in_one_line_of_limited_length(string kind)
    {
        string flood = string.Concat(Enumerable.Repeat(Hostile, 5_000));
        MeKiException failure = kind switch
        {
            nameof(ModelFileException) => new ModelFileException(flood, flood, flood, flood),
            nameof(RowFileException) => new RowFileException(flood, flood, flood, flood),
            nameof(SessionFileException) => new SessionFileException(flood, flood, flood, flood),
            _ => new EvaluationException(flood, flood, flood, flood),
        };
        Assert.Equal(flood, failure.Path);
        foreach (string shown in new[] { failure.Message, failure.Place, failure.Problem, failure.Remedy })
        {
            AssertHarmless(shown);
            Assert.InRange(shown.Length, 1, 1_300);
        }
        Assert.Equal("p: q: r. s.", new ModelFileException("p", "q", "r", "s").Message);
        Assert.Equal("r.", new EvaluationException("", "", "r").Message);
    }

    [Fact]
    public void The_end_of_a_long_path_is_shown()
    {
        string path = "/" + string.Concat(Enumerable.Repeat("folder/", 500)) + "model.gguf";
        Assert.EndsWith("/folder/model.gguf: is wrong.", new ModelFileException(path, "", "is wrong").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("architecture")]
    [InlineData("key")]
    [InlineData("tensor")]
    [InlineData("shard")]
    [InlineData("dtype")]
    [InlineData("path")]
    public void Names_in_files_reach_no_message_as_they_are(string place)
    {
        const string Escape = "\u001b]0;owned\u0007\u202e\u009b2J";
        GgufImage image = new GgufImage { DataBytes = 96 }.Key("general.architecture", 8, GgufImage.Text(place == "architecture" ? Escape : "meki"));
        string path = _folder["model.gguf"];
        switch (place)
        {
            case "key":
                image = image.Key(Escape, 99);
                break;
            case "tensor":
                image = image.Tensor(Escape, [1], Quant.GgmlType.F32, 7);
                break;
            case "shard":
                new MeKi.Tests.TinyCheckpoint { Shards = 2 }.Write(path = _folder["c"]);
                string index = Path.Combine(path, "model.safetensors.index.json");
                File.WriteAllText(index, File.ReadAllText(index).Replace("model-00002-of", "\\u001b]0;owned\\u0007\\u202emodel", StringComparison.Ordinal));
                break;
            case "dtype":
                new MeKi.Tests.TinyCheckpoint { Damage = tensors => tensors["model.norm.weight"].DType = Escape }.Write(path = _folder["c"]);
                break;
            case "path":
                path = _folder[Escape];
                break;
        }
        if (path == _folder["model.gguf"])
            File.WriteAllBytes(path, image.Build());
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(path));
        AssertHarmless(failure.Message);
    }

    private static void AssertHarmless(string text)
    {
        // Half of a pair would be gone after the round trip.
        Assert.Equal(text, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)));
        foreach (Rune each in text.EnumerateRunes())
        {
            bool isHidden = Rune.GetUnicodeCategory(each)
                is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
            Assert.False(isHidden, $"U+{each.Value:X4} is shown");
        }
    }
}
