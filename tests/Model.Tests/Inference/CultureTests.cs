using System.Globalization;
using MeKi.Model.Conversion;
using MeKi.Tests;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Inference;

/// <summary>What is read, written and said is the same where decimals have commas and minus another sign.</summary>
public sealed class CultureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Converting_loading_and_reporting_do_not_follow_the_culture()
    {
        (string Text, byte[] File) here = Work("one"), there = default;
        CultureInfo before = CultureInfo.CurrentCulture;
        // Made by hand: there need be no other culture on the machine.
        CultureInfo other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (other.NumberFormat.NumberDecimalSeparator, other.NumberFormat.NumberGroupSeparator, other.NumberFormat.NegativeSign) = (",", ".", "−");
        other.NumberFormat.NumberGroupSizes = [2];
        other.DateTimeFormat.DateSeparator = "%";
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = other;
            there = Work("two");
        }
        finally
        {
            CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = before;
        }
        Assert.Equal(here.Text, there.Text);
        Assert.Equal(here.File, there.File);
    }

    private (string Text, byte[] File) Work(string name)
    {
        string checkpoint = new TinyCheckpoint { Tied = false }.Write(Path.Combine(_folder[name], "c")), path = Path.Combine(_folder[name], "m");
        Converter.Convert(checkpoint, path, new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) });
        using MeKiModel model = MeKiModel.Load(path, new() { Threads = 1 });
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward([1, 2, 3], logits);
        string report = $"{model.LoadReport with { Path = "", LoadTime = TimeSpan.FromSeconds(1.5) }}";
        string numbers = string.Join(' ', logits.Take(5).Select(each => BitConverter.SingleToInt32Bits(each).ToString(CultureInfo.InvariantCulture)));
        string template = model.ChatTemplate.Render(new() { Messages = [new System.Text.Json.Nodes.JsonObject { ["role"] = "user", ["content"] = "−1,5" }] });
        return ($"{report}\n{numbers}\n{template}", File.ReadAllBytes(Path.Combine(path, ModelFiles.ModelName)));
    }
}
