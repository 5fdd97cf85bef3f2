using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>
/// The weights of a checkpoint folder as Hugging Face lays it out: <c>model.safetensors</c>, or shards named by <c>model.safetensors.index.json</c>.
/// The single file wins where both exist. What the index does not name is not part of the checkpoint.
/// </summary>
public sealed class SafetensorsFolder : IDisposable
{
    private const string Model = "model", Ending = ".safetensors", IndexEnding = ".safetensors.index.json";
    private const string WeightMap = "weight_map";
    private const int MaxIndexBytes = 100_000_000;
    private const int MaxTensors = 1 << 18;

    private readonly List<SafetensorsFile> _files;

    private SafetensorsFolder(string path, List<SafetensorsFile> files, IReadOnlyDictionary<string, SafetensorsTensor> tensors)
    {
        Path = path;
        _files = files;
        Tensors = tensors;
    }

    /// <summary>The folder as it was given to <see cref="Open(string, bool)"/>.</summary>
    public string Path { get; }

    /// <summary>The opened files. Disposed with this object.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>The tensors of all files by name; each knows its <see cref="SafetensorsTensor.File"/>.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    /// <summary>Opens all weights of a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="copy">Whether to read into memory instead of mapping.</param>
    /// <exception cref="ModelFileException">The folder has no weights, or one of its files cannot be read, is missing or is not sound.</exception>
    public static SafetensorsFolder Open(string path, bool copy = false) => Open(path, copy, null);

    /// <summary>Likewise.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="copy">Whether to read into memory instead of mapping.</param>
    /// <param name="leaveOut">Tensors, by name, that a copy does without: their bytes must not be looked at. Null for none.</param>
    /// <param name="stem">What the files are called.</param>
    internal static SafetensorsFolder Open(string path, bool copy, Func<string, bool>? leaveOut, string stem = Model)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!Directory.Exists(path))
            throw new ModelFileException(path, "", "is not a folder", "Give the folder of a downloaded checkpoint");
        string single = System.IO.Path.Combine(path, stem + Ending);
        string index = IndexOf(path, stem);
        bool isSingle = File.Exists(single);
        if (!isSingle && !File.Exists(index))
        {
            throw new ModelFileException(path, "", $"holds neither {stem}{Ending} nor {stem}{IndexEnding}",
                "Give the folder of a checkpoint with safetensors weights");
        }

        List<SafetensorsFile> files = [];
        try
        {
            if (!isSingle)
                return new(path, files, OpenShards(path, index, name => SafetensorsFile.Open(name, copy, leaveOut), files));
            files.Add(SafetensorsFile.Open(single, copy, leaveOut));
            return new(path, files, files[0].Tensors);
        }
        catch
        {
            foreach (SafetensorsFile file in files)
                file.Dispose();
            throw;
        }
    }

    /// <summary>Where a folder's index would be.</summary>
    internal static string IndexOf(string path, string stem) => System.IO.Path.Combine(path, stem + IndexEnding);

    /// <summary>Releases all mappings; see <see cref="MappedFile.TryAddReference"/> for computations still in flight.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private static Dictionary<string, SafetensorsTensor> OpenShards(
        string folder, string index, Func<string, SafetensorsFile> open, List<SafetensorsFile> files)
    {
        Dictionary<string, SafetensorsFile> shards = [];
        Dictionary<string, SafetensorsTensor> tensors = [];
        foreach ((string name, string shardName) in ReadIndex(index))
        {
            if (!shards.TryGetValue(shardName, out SafetensorsFile? shard))
            {
                shard = open(System.IO.Path.Combine(folder, shardName));
                files.Add(shard);
                shards.Add(shardName, shard);
            }
            if (!shard.Tensors.TryGetValue(name, out SafetensorsTensor? tensor))
                throw new ModelFileException(index, UntrustedText.Tensor(name), $"is not in {shardName} where the index puts it", "Download both again");
            tensors.Add(name, tensor);
        }
        return tensors;
    }

    private static OrderedDictionary<string, string> ReadIndex(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        if (file.Length > MaxIndexBytes)
            throw new ModelFileException(path, "", $"has {file.Length} bytes, far more than an index needs", "Download it again");
        var json = new JsonModelFile(path, "", file.Span(0, (int)file.Length));
        OrderedDictionary<string, string>? map = null;
        json.Expect(JsonTokenType.StartObject);
        while (json.ReadMember())
        {
            if (!json.Is("weight_map"u8))
            {
                json.SkipValue();
                continue;
            }
            json.What = WeightMap;
            map = map is null ? ReadWeightMap(ref json) : throw json.Wrong("appears twice");
            json.What = "";
        }
        json.Read();
        return map ?? throw json.Wrong($"has no {WeightMap}");
    }

    private static OrderedDictionary<string, string> ReadWeightMap(ref JsonModelFile json)
    {
        OrderedDictionary<string, string> map = [];
        // Many tensors lie in one shard: one string for all of them.
        HashSet<string> shards = [];
        json.Expect(JsonTokenType.StartObject);
        while (json.ReadMember())
        {
            if (map.Count == MaxTensors)
                throw json.Wrong($"names more than {MaxTensors} tensors");
            json.Tensor = json.Text();
            string text = json.ReadString();
            int start = 0;
            while (text.AsSpan(start).StartsWith("./"))
                start += 2;
            string shard = text[start..];
            // A plain name, so that an index cannot make the engine open files elsewhere. What the name is a link to is the owner's affair: caches use links.
            if (!shard.EndsWith(".safetensors", StringComparison.Ordinal) || shard.AsSpan().ContainsAny('/', '\\', ':'))
                throw json.Wrong($"its shard {UntrustedText.Quote(text)} is not the plain name of a .safetensors file in this folder");
            if (!shards.TryGetValue(shard, out string? known))
                shards.Add(known = shard);
            if (!map.TryAdd(json.Tensor, known))
                throw json.Wrong("appears twice");
            json.Tensor = null;
        }
        return map;
    }
}
