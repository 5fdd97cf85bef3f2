using System.Text.Json;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>Reads a JSON schema of draft 2020-12; what draft 2019-09, 7, 6 and 4 spell otherwise is understood where the two do not conflict.</summary>
internal sealed class SchemaReader
{
    // Each schema of oneOf excludes each other.
    private const int DeepestJson = 500, MostBytes = 16 << 20, MostExclusive = 1000;

    // What a $schema may name, the older ones first; the last means the newest.
    private const int OldDrafts = 3;

    private static readonly string[] s_drafts = ["/draft-04/", "/draft-06/", "/draft-07/", "/draft/2019-09/", "/draft/2020-12/", "/schema"];

    private readonly Dictionary<string, SchemaNode> _nodes = [];
    private readonly Queue<(SchemaNode Node, SchemaPlace Place)> _work = new();
    private readonly Dictionary<string, SchemaPattern> _patterns = [];
    private readonly List<string> _warnings = [];
    private readonly SchemaIndex _index;
    private readonly bool _isOld;

    private SchemaReader(JsonElement root)
    {
        _isOld = IsOld(root);
        _index = new(root, _isOld);
    }

    /// <summary>Reads a schema and all that it refers to.</summary>
    /// <param name="json">The schema's text.</param>
    /// <param name="warnings">What was passed over.</param>
    /// <exception cref="GrammarException">It is no JSON, it is malformed, or it has a keyword that cannot be enforced.</exception>
    public static SchemaNode Read(string json, out IReadOnlyList<string> warnings)
    {
        if (json.Length > MostBytes)
            throw Fault("", $"has {json.Length} characters where {MostBytes} are allowed");
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new() { MaxDepth = DeepestJson, AllowDuplicateProperties = false });
            SchemaReader reader = new(document.RootElement);
            SchemaNode root = reader.NodeOf(reader._index.Root);
            while (reader._work.TryDequeue(out (SchemaNode Node, SchemaPlace Place) next))
                reader.ReadNode(next.Node, next.Place);
            SchemaCycles.Check(reader._nodes.Values);
            warnings = reader._warnings;
            return root;
        }
        catch (JsonException exception)
        {
            throw Fault(exception.LineNumber is long line ? $"line {line + 1}, byte {exception.BytePositionInLine + 1}" : "", "is not JSON", "", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw Fault("", "has a text that is not valid Unicode", "Write whole characters, not halves of them", exception);
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw Fault("", "is nested too deep", "Give parts of it names in $defs", exception);
        }
    }

    public static GrammarException Fault(string place, string problem, string remedy = "", Exception? cause = null) =>
        new("JSON schema", place, problem, remedy, cause);

    private static bool IsOld(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("$schema", out JsonElement schema) || schema.ValueKind != JsonValueKind.String)
            return false;
        string name = schema.GetString()!;
        int draft = Array.FindIndex(s_drafts, one => name.Contains("json-schema.org" + one, StringComparison.Ordinal));
        if (draft < 0)
        {
            throw Fault("#/$schema", $"names {UntrustedText.Quote(name)}, whose keywords are not known",
                "Drafts 4 to 7, 2019-09 and 2020-12 are; without it the last holds");
        }
        return draft < OldDrafts;
    }

    private SchemaNode NodeOf(SchemaPlace place)
    {
        if (_nodes.TryGetValue(place.Pointer, out SchemaNode? node))
            return node;
        _nodes[place.Pointer] = node = new(_nodes.Count + SchemaNodes.FirstId, place.Pointer);
        _work.Enqueue((node, place));
        return node;
    }

    private void ReadNode(SchemaNode node, SchemaPlace place)
    {
        switch (place.Element.ValueKind)
        {
            case JsonValueKind.True:
                node.IsPlain = true;
                return;
            case JsonValueKind.False:
                node.Types = JsonTypes.None;
                return;
            case JsonValueKind.Object:
                break;
            default:
                throw Fault(place.Pointer, "is no schema", "A schema is an object, true or false");
        }
        bool onlyReference = _isOld && place.Element.TryGetProperty("$ref", out _);
        node.IsPlain = true;
        foreach (JsonProperty property in place.Element.EnumerateObject())
        {
            if (onlyReference && property.Name != "$ref")
                continue;
            if (SchemaKeywords.Read.Contains(property.Name))
            {
                node.IsPlain &= property.Name is "$ref" or "allOf";
                ReadKeyword(node, new(place, property.Name, property.Value));
            }
            else if (SchemaKeywords.OfDraft3.TryGetValue(property.Name, out string? instead))
                throw new SchemaKeyword(place, property.Name, property.Value).Unsupported($"It is of draft 3: use {instead}");
            else if (!SchemaKeywords.Annotations.Contains(property.Name) && !property.Name.StartsWith("x-", StringComparison.Ordinal))
                _warnings.Add($"{place.Pointer}: the keyword {UntrustedText.Quote(property.Name)} is not known, and says nothing");
        }
        ReadAllButProperties(node, place);
    }

    private void ReadKeyword(SchemaNode node, SchemaKeyword keyword)
    {
        switch (keyword.Name)
        {
            case "$ref" or "$dynamicRef" or "$recursiveRef":
                node.All.Add(Refer(keyword));
                break;
            case "$recursiveAnchor":
                if (keyword.Value.ValueKind != JsonValueKind.False && _index.HasSeveralResources)
                    throw keyword.Unsupported("Use $ref");
                break;
            case "type":
                node.Types = keyword.Types();
                break;
            case "enum":
                node.Values.Add(keyword.Values());
                break;
            case "const":
                node.Values.Add(new([JsonValue.Of(keyword.Value)]));
                break;
            case "allOf":
                node.All.AddRange(Distinct(Elements(keyword)).Select(static one => one.Schema));
                break;
            case "anyOf":
                ReadAnyOf(node, keyword);
                break;
            case "oneOf":
                ReadOneOf(node, keyword);
                break;
            case "not":
                node.All.Add(Schema(keyword).Not);
                break;
            case "if":
                node.If = Schema(keyword);
                break;
            case "then":
                node.Then = Schema(keyword);
                break;
            case "else":
                node.Else = Schema(keyword);
                break;
            case "dependentSchemas" or "dependentRequired" or "dependencies":
                ReadDependent(node, keyword);
                break;
            case "minLength":
                node.MinLength = keyword.Count();
                break;
            case "maxLength":
                node.MaxLength = keyword.Count();
                break;
            case "pattern":
                node.Pattern = Pattern(keyword.Text(), keyword.Pointer);
                break;
            case "format":
                ReadFormat(node, keyword);
                break;
            case "minimum":
                if (!keyword.Sibling("exclusiveMinimum", JsonValueKind.True))
                    node.Minimum = keyword.Number();
                else
                    node.ExclusiveMinimum = keyword.Number();
                break;
            case "maximum":
                if (!keyword.Sibling("exclusiveMaximum", JsonValueKind.True))
                    node.Maximum = keyword.Number();
                else
                    node.ExclusiveMaximum = keyword.Number();
                break;
            // In draft 4 these were true or false.
            case "exclusiveMinimum" when keyword.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                node.ExclusiveMinimum = keyword.Number();
                break;
            case "exclusiveMaximum" when keyword.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                node.ExclusiveMaximum = keyword.Number();
                break;
            case "multipleOf":
                node.MultipleOf = keyword.Number();
                if (node.MultipleOf.Value.Sign <= 0)
                    throw keyword.Malformed("a number above 0");
                break;
            default:
                ReadContainer(node, keyword);
                break;
        }
    }

    private void ReadContainer(SchemaNode node, SchemaKeyword keyword)
    {
        switch (keyword.Name)
        {
            case "properties":
                foreach ((string name, Literal schema) in Map(keyword))
                    node.Properties[name] = schema;
                break;
            case "patternProperties":
                foreach ((string pattern, Literal schema) in Map(keyword))
                    node.KeyRules.Add((KeySet.Of(Pattern(pattern, keyword.Pointer + "/" + SchemaIndex.Escape(pattern))), schema));
                break;
            case "propertyNames":
                node.PropertyNames = Schema(keyword);
                break;
            case "required":
                // In draft 3 and in much that is found a property says that it is required.
                node.Required.UnionWith(keyword.Texts());
                break;
            case "minProperties":
                node.MinProperties = keyword.Count();
                break;
            case "maxProperties":
                node.MaxProperties = keyword.Count();
                break;
            case "prefixItems":
                node.Prefix = Schemas(keyword);
                break;
            case "items":
                if (keyword.Value.ValueKind == JsonValueKind.Array)
                    node.Prefix = Schemas(keyword);
                else
                    node.Items = Schema(keyword);
                break;
            case "additionalItems":
                // It has a meaning only beside a list of schemas.
                if (keyword.Sibling("items", JsonValueKind.Array))
                    node.Items = Schema(keyword);
                break;
            case "contains":
                node.Contains = Schema(keyword);
                break;
            case "minContains":
                node.MinContains = keyword.Count();
                break;
            case "maxContains":
                node.MaxContains = keyword.Count();
                break;
            case "minItems":
                node.MinItems = keyword.Count();
                break;
            case "maxItems":
                node.MaxItems = keyword.Count();
                break;
            case "uniqueItems":
                node.IsUnique = keyword.IsTrue();
                break;
        }
    }

    // Both speak of what other keywords of the schema leave, so they come last.
    private void ReadAllButProperties(SchemaNode node, SchemaPlace place)
    {
        if (_isOld && place.Element.TryGetProperty("$ref", out _))
            return;
        if (place.Element.TryGetProperty("additionalProperties", out JsonElement additional))
        {
            KeySet rest = new(node.Properties.Keys.ToHashSet(), [.. node.KeyRules.SelectMany(static rule => rule.Keys.Patterns)], IsRest: true);
            node.KeyRules.Add((rest, Schema(new(place, "additionalProperties", additional))));
        }
        foreach (string name in (ReadOnlySpan<string>)["unevaluatedProperties", "unevaluatedItems"])
        {
            if (place.Element.TryGetProperty(name, out JsonElement unevaluated) && unevaluated.ValueKind != JsonValueKind.True)
                new SchemaUnevaluated(this, _index).Read(node, new(place, name, unevaluated));
        }
    }

    private void ReadDependent(SchemaNode node, SchemaKeyword keyword)
    {
        keyword.Require(JsonValueKind.Object, "an object");
        foreach (JsonProperty property in keyword.Value.EnumerateObject())
        {
            SchemaKeyword inner = keyword.At(property.Name, property.Value);
            if (property.Value.ValueKind == JsonValueKind.Array && keyword.Name != "dependentSchemas")
                node.Dependent.Add((property.Name, new(SchemaNodes.New(inner.Pointer, required: inner.Texts()), true)));
            else if (keyword.Name == "dependentRequired")
                throw inner.Malformed("a list of names");
            else
                node.Dependent.Add((property.Name, Schema(inner)));
        }
    }

    private static void ReadFormat(SchemaNode node, SchemaKeyword keyword)
    {
        string name = keyword.Text();
        (node.Format, node.FormatRange) = (SchemaFormats.Pattern(name), SchemaFormats.RangeOf(name));
        if (node.Format is null && node.FormatRange is null && !SchemaFormats.IsFree(name))
            throw Fault(keyword.Pointer, $"the format {UntrustedText.Quote(name)} is not known, and cannot be enforced",
                $"Take it out; known are {SchemaFormats.All}");
    }

    private Literal Refer(SchemaKeyword keyword)
    {
        // A reference is dynamic only where another resource could give the name another meaning.
        if (keyword.Name != "$ref" && _index.HasSeveralResources)
            throw keyword.Unsupported("Use $ref");
        return Refer(keyword, keyword.Text());
    }

    private Literal Refer(SchemaKeyword keyword, string reference) => _index.Find(reference, keyword.Place) is SchemaPlace place
        ? new(NodeOf(place), true)
        : throw Fault(keyword.Pointer, $"refers to {UntrustedText.Quote(reference)}, which is not in the schema", "Put what it refers to into $defs");

    /// <summary>The schema of a keyword.</summary>
    public Literal Schema(SchemaKeyword keyword) => keyword.Value.ValueKind switch
    {
        // A long list of them is to cost no more than its text.
        JsonValueKind.True => SchemaNodes.True,
        JsonValueKind.Object when keyword.Value.GetPropertyCount() == 0 => SchemaNodes.True,
        JsonValueKind.False => SchemaNodes.False,
        _ => new(NodeOf(_index.At(keyword.Value, keyword.Pointer, keyword.Place.Base)), true),
    };

    private Literal[] Schemas(SchemaKeyword keyword) => [.. Elements(keyword).Select(one => Schema(one))];

    private void ReadAnyOf(SchemaNode node, SchemaKeyword keyword)
    {
        (List<JsonValue> constants, List<SchemaKeyword> others) = Alternatives(keyword);
        node.AnyOf = [.. Distinct(others).Select(static one => one.Schema), .. OneOfThem(keyword, constants)];
    }

    // Of equal alternatives all hold or none, so that none may.
    private void ReadOneOf(SchemaNode node, SchemaKeyword keyword)
    {
        (List<JsonValue> constants, List<SchemaKeyword> others) = Alternatives(keyword);
        (Literal Schema, int Times)[] all = [.. Distinct(others)];
        ILookup<bool, JsonValue> values = constants.GroupBy(static value => value).ToLookup(static same => same.Count() == 1, static same => same.Key);
        node.OneOf = [.. all.Where(static one => one.Times == 1).Select(static one => one.Schema), .. OneOfThem(keyword, values[true])];
        node.All.AddRange([.. all.Where(static one => one.Times > 1).Select(static one => one.Schema.Not),
            .. OneOfThem(keyword, values[false]).Select(static one => one.Not)]);
        if (node.OneOf.Length == 0 && constants.Count + others.Count > 0)
            node.All.Add(SchemaNodes.False);
        if (node.OneOf.Length > MostExclusive)
            throw keyword.Malformed($"a list of at most {MostExclusive} schemas");
    }

    // Constants with a title each, as lists of codes are written, are an enumeration: a schema of each would be much for a long list.
    private static (List<JsonValue> Constants, List<SchemaKeyword> Others) Alternatives(SchemaKeyword keyword)
    {
        List<JsonValue> constants = [];
        List<SchemaKeyword> others = [];
        foreach (SchemaKeyword one in Elements(keyword))
        {
            if (one.Value.ValueKind == JsonValueKind.Object && one.Value.TryGetProperty("const", out JsonElement value)
                && one.Value.EnumerateObject().All(static part => part.Name == "const" || SchemaKeywords.Annotations.Contains(part.Name)))
                constants.Add(JsonValue.Of(value));
            else
                others.Add(one);
        }
        return (constants, others);
    }

    private static Literal[] OneOfThem(SchemaKeyword keyword, IEnumerable<JsonValue> values) =>
        values.Any() ? [new(SchemaNodes.New(keyword.Pointer, [.. values]), true)] : [];

    // Each schema of a list, and how often it is told in the same words.
    private IEnumerable<(Literal Schema, int Times)> Distinct(IEnumerable<SchemaKeyword> schemas) =>
        schemas.GroupBy(static one => one.Value.GetRawText(), StringComparer.Ordinal).Select(same => (Schema(same.First()), same.Count()));

    private static IEnumerable<SchemaKeyword> Elements(SchemaKeyword keyword)
    {
        keyword.Require(JsonValueKind.Array, "a list of schemas");
        return keyword.Value.EnumerateArray().Select((element, i) => keyword.At(i.ToString(System.Globalization.CultureInfo.InvariantCulture), element));
    }

    private IEnumerable<(string Name, Literal Schema)> Map(SchemaKeyword keyword)
    {
        keyword.Require(JsonValueKind.Object, "an object of schemas");
        return keyword.Value.EnumerateObject().Select(property => (property.Name, Schema(keyword.At(property.Name, property.Value))));
    }

    /// <summary>A regular expression, compiled once.</summary>
    public SchemaPattern Pattern(string pattern, string pointer)
    {
        if (!_patterns.TryGetValue(pattern, out SchemaPattern? known))
            _patterns[pattern] = known = SchemaPattern.OfRegex(pattern, pointer);
        return known;
    }
}
