using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Architectures;

/// <summary>What a GGUF file tells of a model's configuration: metadata under the architecture's prefix, and a few small vectors.</summary>
/// <param name="file">The file.</param>
/// <param name="architecture">The prefix.</param>
internal sealed class GgufKeys(GgufFile file, string architecture)
{
    /// <summary>The metadata, for whole groups of keys.</summary>
    public GgufMetadata Metadata => file.Metadata;

    /// <summary>The prefix.</summary>
    public string Architecture => architecture;

    /// <summary>An integer; null where the file does not tell. Some writers list some of them for each layer: then they must be all the same.</summary>
    /// <exception cref="ModelFileException">The value is not an integer or does not fit, or the list is not of equal numbers, one for each layer.</exception>
    public int? TryInt(string key)
    {
        string whole = $"{architecture}.{key}";
        if (!Metadata.IsArray(whole))
            return Metadata.TryGetInt(whole);
        Array each = Metadata.Get<Array>(whole);
        int blocks = Metadata.GetInt($"{architecture}.block_count");
        if (each.Length != blocks || blocks == 0)
            throw Fault(key, $"tells of {each.Length} layers where the model has {blocks}", "The file is damaged");
        object first = each.GetValue(0)!;
        return each.Cast<object>().All(first.Equals)
            ? new GgufMetadata(Metadata.Path) { [whole] = first }.TryGetInt(whole)
            : throw Fault(key, "differs from layer to layer, which this engine does not run for this architecture", "Take a model of equal layers");
    }

    /// <summary>An integer for each layer, whether the file lists them or tells one for all; null where it does not tell.</summary>
    /// <param name="key">The key.</param>
    /// <param name="layers">How many layers there are.</param>
    /// <exception cref="ModelFileException">A value is not an integer or does not fit, or the list is not one of so many.</exception>
    public int[]? TryInts(string key, int layers)
    {
        string whole = $"{architecture}.{key}";
        if (!Metadata.IsArray(whole))
            return Metadata.TryGetInt(whole) is { } all && layers is > 0 and <= ModelConfig.MaxLayers ? [.. Enumerable.Repeat(all, layers)] : null;
        Array each = Metadata.Get<Array>(whole);
        if (each.Length != layers)
            throw Fault(key, $"tells of {each.Length} layers where the model has {layers}", "The file is damaged");
        return [.. each.Cast<object>().Select(value => new GgufMetadata(Metadata.Path) { [whole] = value }.GetInt(whole))];
    }

    /// <summary>A number with a fraction for each layer; null where the file does not tell.</summary>
    /// <exception cref="ModelFileException">The list is not one of so many.</exception>
    public float[]? TryFloats(string key, int layers)
    {
        if (!Metadata.TryGet<float[]>($"{architecture}.{key}", out float[]? each))
            return null;
        return each.Length == layers ? each : throw Fault(key, $"tells of {each.Length} layers where the model has {layers}", "The file is damaged");
    }

    /// <summary>Rows of a matrix among the tensors; null where the file has none of the name.</summary>
    public int? TryRows(string name) =>
        file.TryGetTensor(name, out GgufTensor? tensor) && tensor.Sides is [_, long rows] ? (int)Math.Min(rows, int.MaxValue) : null;

    /// <summary>A number with a fraction; null where the file does not tell.</summary>
    public float? TryFloat(string key) => Metadata.TryGetFloat($"{architecture}.{key}");

    /// <summary>A text that must be there.</summary>
    public string Text(string key) => Metadata.Get<string>($"{architecture}.{key}");

    /// <summary>A vector among the tensors; null where the file has none of the name.</summary>
    /// <exception cref="ModelFileException">It has another length or is not F32 or F16.</exception>
    public float[]? Vector(string name, int length)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor))
            return null;
        if (!tensor.Is(1, length) || BlockFormat.Find(tensor.Type) is not { BlockSize: 1 } format)
            throw new ModelFileException(file.File.Path, UntrustedText.Tensor(name), $"is not a vector of {length} floats", "Convert the checkpoint again");
        float[] vector = new float[length];
        format.Decode(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength), vector);
        return vector;
    }

    /// <summary>An exception for a key that is missing.</summary>
    public ModelFileException Missing(string key) => Fault(key, "is missing", "Convert the checkpoint again with a current tool");

    /// <summary>An exception for a key.</summary>
    public ModelFileException Fault(string key, string problem, string remedy) => new(file.File.Path, $"metadata key '{architecture}.{key}'", problem, remedy);
}
