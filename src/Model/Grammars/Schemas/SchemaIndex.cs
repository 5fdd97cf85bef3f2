using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>A schema within a document: its element, where it stands, and the URI that references in it are relative to.</summary>
internal readonly record struct SchemaPlace(JsonElement Element, string Pointer, Uri Base);

/// <summary>Finds the schemas of a document that references name: by pointer, by <c>$id</c>, by <c>$anchor</c>.</summary>
internal sealed class SchemaIndex
{
    private static readonly Uri s_root = new("https://schema.invalid/");

    private readonly Dictionary<string, SchemaPlace> _resources = [], _anchors = [];

    // By pointer: a search through the document for each reference would take the square of its length.
    private readonly Dictionary<string, SchemaPlace> _places = [];
    private readonly bool _isOld;

    /// <param name="root">The document.</param>
    /// <param name="isOld">Whether it is of draft 7 or before.</param>
    public SchemaIndex(JsonElement root, bool isOld)
    {
        _isOld = isOld;
        Root = new(root, "#", BaseOf(root, s_root));
        _resources[s_root.AbsoluteUri] = Root;
        Scan(root, "#", s_root);
    }

    /// <summary>The whole document.</summary>
    public SchemaPlace Root { get; }

    /// <summary>Whether a part of the document has a URI of its own.</summary>
    public bool HasSeveralResources { get; private set; }

    /// <summary>The schema at a property or element of another.</summary>
    public SchemaPlace At(JsonElement element, string pointer, Uri outer) => new(element, pointer, BaseOf(element, outer));

    /// <summary>The schema that a reference names.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="place">Where it stands.</param>
    /// <returns>The schema; null where it is not in the document.</returns>
    public SchemaPlace? Find(string reference, SchemaPlace place)
    {
        int hash = reference.IndexOf('#', StringComparison.Ordinal);
        string address = hash < 0 ? reference : reference[..hash], fragment = hash < 0 ? "" : Uri.UnescapeDataString(reference[(hash + 1)..]);
        Uri? target = place.Base;
        if (address.Length > 0 && !Uri.TryCreate(place.Base, address, out target))
            return null;
        string resource = WithoutFragment(target!);
        if (fragment.Length == 0 || fragment[0] == '/')
            return _resources.TryGetValue(resource, out SchemaPlace found) ? Follow(found, fragment) : null;
        return _anchors.TryGetValue(resource + "#" + fragment, out SchemaPlace named) ? named : null;
    }

    private static string WithoutFragment(Uri uri) => uri.AbsoluteUri.Split('#')[0];

    private Uri BaseOf(JsonElement element, Uri outer) =>
        element.ValueKind == JsonValueKind.Object && TextOf(element, _isOld && !element.TryGetProperty("$id", out _) ? "id" : "$id") is string id
            && !id.StartsWith('#')
            && !(_isOld && element.TryGetProperty("$ref", out _)) && Uri.TryCreate(outer, id, out Uri? own) ? own : outer;

    private static string? TextOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // Only where a schema can stand: a property or a constant may be called $id, too.
    private void Scan(JsonElement element, string pointer, Uri outer)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Uri own = BaseOf(element, outer);
        SchemaPlace place = new(element, pointer, own);
        _places[pointer] = place;
        string resource = WithoutFragment(own);
        if (!ReferenceEquals(own, outer))
        {
            HasSeveralResources |= pointer.Length > 1;
            _resources.TryAdd(resource, place);
        }
        foreach (string keyword in (ReadOnlySpan<string>)["$anchor", "$dynamicAnchor"])
        {
            if (TextOf(element, keyword) is string anchor)
                _anchors.TryAdd(resource + "#" + anchor, place);
        }
        if (TextOf(element, _isOld && !element.TryGetProperty("$id", out _) ? "id" : "$id") is string id && id.StartsWith('#'))
            _anchors.TryAdd(resource + id, place);
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string at = pointer + "/" + Escape(property.Name);
            if (property.Value.ValueKind == JsonValueKind.Object)
            {
                if (SchemaKeywords.OfSchema.Contains(property.Name))
                    Scan(property.Value, at, own);
                else if (SchemaKeywords.OfMap.Contains(property.Name))
                {
                    foreach (JsonProperty inner in property.Value.EnumerateObject())
                        Scan(inner.Value, at + "/" + Escape(inner.Name), own);
                }
            }
            else if (property.Value.ValueKind == JsonValueKind.Array && SchemaKeywords.OfList.Contains(property.Name))
            {
                int i = 0;
                foreach (JsonElement inner in property.Value.EnumerateArray())
                    Scan(inner, at + "/" + (i++).ToString(CultureInfo.InvariantCulture), own);
            }
        }
    }

    /// <summary>A name as a part of a JSON pointer.</summary>
    public static string Escape(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private SchemaPlace? Follow(SchemaPlace place, string pointer)
    {
        if (_places.TryGetValue(place.Pointer + pointer, out SchemaPlace scanned))
            return scanned;
        foreach (string part in pointer.Split('/').Skip(1))
        {
            string name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            JsonElement inner;
            if (place.Element.ValueKind == JsonValueKind.Array)
            {
                if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= place.Element.GetArrayLength())
                    return null;
                inner = place.Element[index];
            }
            else if (place.Element.ValueKind != JsonValueKind.Object || !place.Element.TryGetProperty(name, out inner))
                return null;
            string at = place.Pointer + "/" + Escape(name);
            place = new(inner, at, _places.TryGetValue(at, out SchemaPlace known) ? known.Base : place.Base);
        }
        return place;
    }
}
