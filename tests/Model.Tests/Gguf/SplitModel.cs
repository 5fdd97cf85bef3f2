using MeKi.Model.Gguf;

namespace MeKi.Model.Tests.Gguf;

/// <summary>Cuts a GGUF file into several as <c>llama-gguf-split</c> does: all keys in the first, and in each which part it is.</summary>
internal static class SplitModel
{
    /// <summary>Writes the parts and gives their paths.</summary>
    /// <param name="source">The file.</param>
    /// <param name="name">Path of the parts without their numbers.</param>
    /// <param name="parts">How many.</param>
    /// <param name="noTensorsFirst">Whether the first part holds the keys alone.</param>
    /// <param name="change">Changes a part's keys before it is written.</param>
    public static string[] Write(string source, string name, int parts, bool noTensorsFirst = false, Action<int, GgufMetadata>? change = null)
    {
        using GgufFile file = GgufFile.Open(source);
        string[] paths = [.. Enumerable.Range(1, parts).Select(part => $"{name}-{part:d5}-of-{parts:d5}.gguf")];
        int holders = noTensorsFirst ? parts - 1 : parts, each = (file.Tensors.Count + holders - 1) / holders;
        for (int part = 0; part < parts; part++)
        {
            GgufMetadata metadata = new(paths[part]);
            if (part == 0)
            {
                foreach ((string key, object value) in file.Metadata)
                    metadata[key] = value;
            }
            metadata["split.no"] = (ushort)part;
            metadata["split.tensors.count"] = file.Tensors.Count;
            metadata["split.count"] = (ushort)parts;
            change?.Invoke(part, metadata);
            int holder = noTensorsFirst ? part - 1 : part;
            GgufTensor[] tensors = holder < 0 ? [] : [.. file.Tensors.Skip(holder * each).Take(each)];
            using FileStream stream = File.Create(paths[part]);
            new GgufWriter(metadata, [.. tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (to, _) => to.Write(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(stream, default);
        }
        return paths;
    }
}
