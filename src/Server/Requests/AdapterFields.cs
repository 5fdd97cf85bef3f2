using System.Text.Json;
using MeKi.Model.Adapters;
using MeKi.Server.Errors;

namespace MeKi.Server.Requests;

/// <summary><c>lora</c>: the adapters of a request in llama.cpp's way, by number or by name.</summary>
internal static class AdapterFields
{
    /// <summary>The member of a request that names adapters.</summary>
    public const string Name = "lora";

    private const int Most = 64;

    // Beyond it nothing sensible comes out, and products overflow.
    private const float MostScale = 1000;

    /// <summary>The adapters of a request; null where it says nothing, and the server's are taken.</summary>
    public static AdapterChoice[]? Read(RequestFields fields, ServedAdapters served) =>
        fields.List(Name, Most) is { } list ? Read(list, served) : null;

    /// <summary>The adapters of a list; those that it does not name are off.</summary>
    public static AdapterChoice[] Read((JsonElement Value, string Path)[] list, ServedAdapters served)
    {
        AdapterChoice[] choices = [.. list.Select(each => Choice(RequestFields.Of(each.Value, each.Path), served))];
        if (choices.GroupBy(each => each.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw ApiException.Invalid(Name, $"The adapter '{UntrustedText.Line(twice.Key, 80)}' is named twice.");
        return choices;
    }

    private static AdapterChoice Choice(RequestFields fields, ServedAdapters served)
    {
        string name = fields.Text("name") is { } given
            ? served.Find(given) ?? throw ApiException.Invalid(fields.PathOf("name"), $"There is no adapter '{UntrustedText.Line(given, 80)}' here.")
            : served.Find(fields.Whole("id", 0) ?? throw fields.Missing("id"))
                ?? throw ApiException.Invalid(fields.PathOf("id"), $"'{fields.PathOf("id")}' is no adapter: GET /lora-adapters lists them.");
        return new(name, fields.Number("scale", -MostScale, MostScale) ?? 1);
    }
}
