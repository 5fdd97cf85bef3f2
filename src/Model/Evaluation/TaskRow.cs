using System.Globalization;
using System.Text.Json;

namespace MeKi.Model.Evaluation;

/// <summary>A JSON object of a task file: a line, or an object within one. Every access that fails names the line and the field.</summary>
/// <param name="path">The file.</param>
/// <param name="line">The line, counted from 1.</param>
/// <param name="within">Name of the object within the line, with a dot after it; empty for the line itself.</param>
/// <param name="row">The object.</param>
internal sealed class TaskRow(string path, int line, string within, JsonElement row)
{
    /// <summary>The line, counted from 1.</summary>
    public int Line => line;

    /// <summary>Whether there is such a field.</summary>
    public bool Has(string field) => Find(field) is not null;

    /// <summary>Whether there is such a field and it holds an object.</summary>
    public bool HasObject(string field) => Find(field)?.ValueKind == JsonValueKind.Object;

    /// <summary>A field's text.</summary>
    public string Text(string field) => TextOf(Get(field), field);

    /// <summary>A field's object.</summary>
    public TaskRow Object(string field) => new(path, line, $"{within}{field}.", Expect(Get(field), JsonValueKind.Object, field));

    /// <summary>A field's array of texts.</summary>
    public string[] Texts(string field) => [.. Expect(Get(field), JsonValueKind.Array, field).EnumerateArray().Select(item => TextOf(item, field))];

    /// <summary>A field's array of objects.</summary>
    public TaskRow[] Objects(string field) =>
        [.. Expect(Get(field), JsonValueKind.Array, field).EnumerateArray()
            .Select(item => new TaskRow(path, line, $"{within}{field}.", Expect(item, JsonValueKind.Object, field)))];

    /// <summary>A field's choice by number: 0 … <paramref name="choices"/> − 1 as a number, as digits in a text, or as false and true.</summary>
    public int Answer(string field, int choices)
    {
        JsonElement value = Get(field);
        int? answer = value.ValueKind switch
        {
            JsonValueKind.False => 0,
            JsonValueKind.True => 1,
            JsonValueKind.Number when value.TryGetInt32(out int number) => number,
            JsonValueKind.String when int.TryParse(TextOf(value, field), NumberStyles.None, CultureInfo.InvariantCulture, out int number) => number,
            _ => null,
        };
        return answer >= 0 && answer < choices ? (int)answer : throw NoChoice(field, RawText(value, field), $"0 to {choices - 1}");
    }

    /// <summary>The place of a field's text among the labels of the choices.</summary>
    public int Answer(string field, string[] labels)
    {
        string answer = Text(field).TrimStart();
        int index = Array.IndexOf(labels, answer);
        return index >= 0 ? index : throw NoChoice(field, answer, string.Join(", ", labels));
    }

    /// <summary>The error that a field is not as it must be.</summary>
    public EvaluationException Wrong(string field, string problem) =>
        new(path, $"line {line}", $"field '{within}{field}' {problem}", "Take the data set's own rows as JSON lines");

    private EvaluationException NoChoice(string field, string answer, string choices) =>
        Wrong(field, $"is {UntrustedText.Quote(answer)}, which is not among the choices {UntrustedText.Quote(choices)}");

    private JsonElement Get(string field) => Find(field) ?? throw Wrong(field, "is missing");

    private JsonElement? Find(string field) => row.TryGetProperty(field, out JsonElement value) ? value : null;

    private string TextOf(JsonElement value, string field) => Valid(Expect(value, JsonValueKind.String, field), static text => text.GetString()!, field);

    private string RawText(JsonElement value, string field) => Valid(value, static any => any.GetRawText(), field);

    private string Valid(JsonElement value, Func<JsonElement, string> read, string field)
    {
        try
        {
            return read(value);
        }
        catch (InvalidOperationException)
        {
            throw Wrong(field, "holds text that is not valid UTF-8 or UTF-16");
        }
    }

    private JsonElement Expect(JsonElement value, JsonValueKind kind, string field) =>
        value.ValueKind == kind ? value : throw Wrong(field, $"has {value.ValueKind} where {kind} is expected");
}
