using System.Globalization;
using System.Text;
using System.Text.Json;
using MeKi.Model.Grammars;

namespace MeKi.Tests.Grammars;

/// <summary>The official test suite of JSON Schema, draft 2020-12.</summary>
public class SchemaSuiteTests
{
    private const string Suite = "json-schema/tests/draft2020-12";

    // What a value's end alone decides, and what lies outside the document.
    private static readonly string[] s_apart = ["format", "dynamicRef", "unevaluatedItems", "unevaluatedProperties", "refRemote"];

    [SharedFact(Suite)]
    public void Of_every_schema_that_compiles_the_valid_instances_are_accepted_and_the_others_refused()
    {
        StringBuilder wrong = new();
        List<string> refused = [];
        int passed = 0, all = 0;
        foreach (string file in Directory.EnumerateFiles(SharedMaterial.Path(Suite), "*.json").Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(file));
            foreach (JsonElement group in document.RootElement.EnumerateArray())
            {
                JsonElement tests = group.GetProperty("tests");
                int count = tests.GetArrayLength();
                if (!s_apart.Contains(name))
                    all += count;
                Grammar grammar;
                try
                {
                    grammar = Grammar.FromJsonSchema(group.GetProperty("schema").GetRawText());
                }
                catch (GrammarException exception)
                {
                    // A schema that allows nothing has no valid instance.
                    bool isRight = exception.Problem == "allows no value" && tests.EnumerateArray().All(static test => !test.GetProperty("valid").GetBoolean());
                    if (isRight && !s_apart.Contains(name))
                        passed += count;
                    else if (!isRight)
                        refused.Add($"{name}: {group.GetProperty("description").GetString()}: {exception.Message}");
                    continue;
                }
                foreach (JsonElement test in tests.EnumerateArray())
                {
                    bool valid = test.GetProperty("valid").GetBoolean(), isRight = true;
                    foreach (string text in Spellings(test.GetProperty("data")))
                    {
                        if (grammar.Accepts(text) != valid)
                        {
                            isRight = false;
                            wrong.AppendLine(CultureInfo.InvariantCulture,
                                $"{name}: {group.GetProperty("description").GetString()}: {test.GetProperty("description").GetString()}: "
                                    + $"{text} should be {(valid ? "valid" : "invalid")}");
                        }
                    }
                    if (isRight && !s_apart.Contains(name))
                        passed++;
                }
            }
        }
        Assert.True(wrong.Length == 0, wrong.ToString());
        // Those left are in docs/constrained.md.
        Assert.True(passed >= 0.98 * all, $"{passed} of {all}:\n{string.Join('\n', refused)}");
    }

    private static IEnumerable<string> Spellings(JsonElement data)
    {
        yield return data.GetRawText();
        yield return Spell(data, "", exponent: false, reversed: false);
        yield return Spell(data, " \t\r\n ", exponent: false, reversed: true);
        yield return Spell(data, "", exponent: true, reversed: false);
    }

    private static string Spell(JsonElement data, string blank, bool exponent, bool reversed) => blank + (data.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(",", (reversed ? data.EnumerateObject().Reverse() : data.EnumerateObject()).Select(property =>
            blank + Escaped(property.Name) + blank + ":" + Spell(property.Value, blank, exponent, reversed))) + blank + "}",
        JsonValueKind.Array => "[" + string.Join(",", data.EnumerateArray().Select(item => Spell(item, blank, exponent, reversed))) + blank + "]",
        JsonValueKind.String => Escaped(data.GetString()!),
        JsonValueKind.Number when exponent && !data.GetRawText().Contains('e', StringComparison.OrdinalIgnoreCase) => data.GetRawText() is var text
            && (text.Contains('.', StringComparison.Ordinal) || text == "0") ? text + "E+0" : text + "0e-1",
        _ => data.GetRawText(),
    }) + blank;

    // Every second character as an escape.
    private static string Escaped(string text) => "\"" + string.Concat(text.Select(static (unit, i) =>
        i % 2 == 1 || unit is '"' or '\\' or < ' ' || char.IsSurrogate(unit) ? $"\\u{(int)unit:X4}" : unit.ToString())) + "\"";
}
