using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Templates;
using MeKi.Tests;

namespace MeKi.Model.Tests.Templates;

/// <summary>Small templates with what Python's Jinja2 3.1 makes of them, set up as transformers sets it up.</summary>
public sealed class TemplateTableTests
{
    private static readonly string Folder = Path.Combine(SharedMaterial.Repository, "tests", "Model.Tests", "Templates", "Cases");

    public static TheoryData<string> Tables => [.. Directory.GetFiles(Folder, "*.jsonl").Select(static file => Path.GetFileNameWithoutExtension(file)).Order()];

    /// <summary>A table's first line has the variables; each other is a template and its text, or a template alone where Python raises an error.</summary>
    [Theory]
    [MemberData(nameof(Tables))]
    public void A_template_of_the_table_renders_as_in_Python(string table)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Folder, table + ".jsonl"));
        List<string> different = [];
        foreach (string line in lines.Skip(1))
        {
            JsonArray each = (JsonArray)JsonNode.Parse(line)!;
            string expected = each.Count > 1 ? (string)each[1]! : "an error", rendered = Render((string)each[0]!, lines[0]);
            if (expected != rendered && !(each.Count == 1 && rendered.StartsWith("chat template, line ", StringComparison.Ordinal)))
                different.Add($"{each[0]}\n  expected {JsonSerializer.Serialize(expected)}\n  rendered {JsonSerializer.Serialize(rendered)}");
        }
        Assert.True(lines.Length > 5);
        Assert.True(different.Count == 0, string.Join("\n", different));
    }

    private static string Render(string template, string variables)
    {
        try
        {
            return ChatTemplate.Parse(template).Render(new()
            {
                Messages = [],
                Variables = (JsonObject)JsonNode.Parse(variables)!,
                Clock = new FixedClock(new(2026, 3, 4, 5, 6, 7)),
            });
        }
        catch (ChatTemplateException exception)
        {
            return exception.Message;
        }
    }
}
