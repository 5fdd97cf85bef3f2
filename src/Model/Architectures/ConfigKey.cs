using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Architectures;

/// <summary>
/// One row of an architecture's table of configuration: how a property is called in GGUF (after the architecture's prefix) and in <c>config.json</c>.
/// </summary>
internal abstract record ConfigKey(string? Gguf, string? Json)
{
    /// <summary>Reads the property from a GGUF file's metadata.</summary>
    /// <exception cref="ModelFileException">The value is missing, of another type or out of range.</exception>
    public abstract void Read(GgufKeys gguf, ModelConfig config);

    /// <summary>Reads the property from <c>config.json</c>.</summary>
    /// <exception cref="ModelFileException">As for the other overload.</exception>
    public abstract void Read(JsonPlace json, ModelConfig config);

    /// <summary>Writes the property to a GGUF file's metadata.</summary>
    public abstract void Write(ModelConfig config, GgufMetadata metadata);

    /// <summary>The whole key in GGUF.</summary>
    protected string InGguf(ModelConfig config) => $"{config.Architecture.Name}.{Gguf}";
}

/// <summary>An integer.</summary>
internal sealed record IntKey(string Gguf, string Json, Func<ModelConfig, int> Get, Action<ModelConfig, int> Set) : ConfigKey(Gguf, Json)
{
    /// <summary>What files mean that do not tell; null where they must.</summary>
    public Func<ModelConfig, int>? Default { get; init; }

    /// <summary>Likewise of <c>config.json</c> alone.</summary>
    public Func<ModelConfig, int>? JsonDefault { get; init; }

    /// <summary>Other names in <c>config.json</c>.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>All names in <c>config.json</c>.</summary>
    public IEnumerable<string> Names => Aliases.Prepend(Json!);

    public override void Read(GgufKeys gguf, ModelConfig config) => Set(config, gguf.TryInt(Gguf!) ?? Default?.Invoke(config) ?? throw gguf.Missing(Gguf!));

    public override void Read(JsonPlace json, ModelConfig config)
    {
        int? told = Names.Select(json.TryInt).FirstOrDefault(value => value is not null);
        Set(config, told ?? (JsonDefault ?? Default)?.Invoke(config) ?? json.Int(Json!));
    }

    public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = (uint)Get(config);
}

/// <summary>A number with a fraction.</summary>
internal sealed record FloatKey(string Gguf, string Json, Func<ModelConfig, float> Get, Action<ModelConfig, float> Set) : ConfigKey(Gguf, Json)
{
    /// <summary>What files mean that do not tell; null where they must.</summary>
    public float? Default { get; init; }

    /// <summary>The range, both ends excluded.</summary>
    public (float Above, float Below) Range { get; init; } = (0, float.PositiveInfinity);

    public override void Read(GgufKeys gguf, ModelConfig config)
    {
        float value = gguf.TryFloat(Gguf!) ?? Default ?? throw gguf.Missing(Gguf!);
        Set(config, Fits(value) ? value : throw gguf.Fault(Gguf!, OutOfRange(value), "The file is damaged"));
    }

    public override void Read(JsonPlace json, ModelConfig config)
    {
        float value = json.TryFloat(Json!) ?? Default ?? throw json.Fault($"has no field '{Json}'", "Add it");
        Set(config, Fits(value) ? value : throw json.Field(Json!).Fault(OutOfRange(value), "Correct it"));
    }

    public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = Get(config);

    private bool Fits(float value) => value > Range.Above && value < Range.Below;

    private static string OutOfRange(float value) => FormattableString.Invariant($"{value} is out of range");
}

/// <summary>A choice among names.</summary>
internal sealed record NameKey<T>(string Gguf, string Json, VariantNames<T> Names, Func<ModelConfig, T> Get, Action<ModelConfig, T> Set) : ConfigKey(Gguf, Json)
    where T : struct, Enum
{
    public override void Read(GgufKeys gguf, ModelConfig config)
    {
        Set(config, Names.Find(gguf.Text(Gguf!)) ?? throw gguf.Fault(Gguf!, "has a value that this engine does not run", $"Supported is {Names.List}"));
    }

    public override void Read(JsonPlace json, ModelConfig config)
    {
        if (json.TryText(Json!) is { } name)
            Set(config, Names.Find(name) ?? throw json.Field(Json!).Fault($"{UntrustedText.Quote(name)} is not known", $"Write one of {Names.List}"));
    }

    public override void Write(ModelConfig config, GgufMetadata metadata) => metadata[InGguf(config)] = Names.Of(Get(config));
}

/// <summary>A property of <c>config.json</c> that runs with some values only, which GGUF does not tell.</summary>
internal sealed record FixedKey(string Json, params string[] Supported) : ConfigKey(null, Json)
{
    public override void Read(GgufKeys gguf, ModelConfig config)
    {
        // GGUF has no such key.
    }

    public override void Read(JsonPlace json, ModelConfig config)
    {
        if (json.TryField(Json!) is { } field && !Supported.Contains(field.Element.ToString(), StringComparer.OrdinalIgnoreCase))
            throw field.Fault("has a value that this engine does not run", $"Supported is {string.Join(" and ", Supported)}");
    }

    public override void Write(ModelConfig config, GgufMetadata metadata)
    {
        // As above.
    }
}

/// <summary>A count that must be zero: of what this engine does not run, such as experts.</summary>
internal sealed record AbsentKey(string Gguf, string Json, string What) : ConfigKey(Gguf, Json)
{
    public override void Read(GgufKeys gguf, ModelConfig config)
    {
        if ((gguf.TryInt(Gguf!) ?? 0) != 0)
            throw gguf.Fault(Gguf!, $"tells of {What}, which this engine does not run", "Take a dense model of the family");
    }

    public override void Read(JsonPlace json, ModelConfig config)
    {
        if ((json.TryInt(Json!) ?? 0) != 0)
            throw json.Field(Json!).Fault($"tells of {What}, which this engine does not run", "Take a dense model of the family");
    }

    public override void Write(ModelConfig config, GgufMetadata metadata)
    {
        // Nothing to tell.
    }
}
