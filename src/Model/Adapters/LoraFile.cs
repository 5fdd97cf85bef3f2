using MeKi.Model.Files;
using MeKi.Model.Gguf;

namespace MeKi.Model.Adapters;

/// <summary>
/// An adapter's file, or one of several adapters that share factors, checked against a model. Factors lie where they are mapped: they are valid until the file
/// is disposed.
/// </summary>
internal sealed class LoraFile : IDisposable
{
    private readonly IDisposable _file;

    private LoraFile(string path, IDisposable file, IReadOnlyList<LoraAdapter> adapters) => (Path, _file, Adapters) = (path, file, adapters);

    /// <summary>The file, or a PEFT folder.</summary>
    public string Path { get; }

    /// <summary>Its adapters: one, or several of a file of shared factors.</summary>
    public IReadOnlyList<LoraAdapter> Adapters { get; }

    /// <summary>Opens a PEFT folder, a GGUF adapter or a file of shared factors.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="config">The model that it is for.</param>
    /// <exception cref="ModelFileException">It cannot be read, is damaged, of another kind or of another model.</exception>
    public static LoraFile Open(string path, ModelConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = FolderOf(path);
        if (Directory.Exists(path))
        {
            if (!PeftFolder.IsAt(path))
                throw new ModelFileException(path, "", $"has no {PeftConfig.FileName}", "Name a folder that PEFT saved, or a GGUF adapter");
            SafetensorsFolder weights = PeftFolder.Open(path);
            return Guarded(path, weights, () => [PeftFolder.Read(path, NameOf(path), weights, config)]);
        }
        if (!File.Exists(path))
            throw new ModelFileException(path, "", "there is no such file or folder", "Name a folder that PEFT saved, or a GGUF adapter");
        GgufFile gguf = GgufFile.Open(path);
        return Guarded(path, gguf, () => GgufAdapters.Read(gguf, NameOf(path), config));
    }

    /// <summary>What an adapter at a path is called: the folder, or the file without its ending.</summary>
    public static string NameOf(string path)
    {
        string name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(FolderOf(path))));
        return name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? name[..^".gguf".Length] : name;
    }

    /// <summary>Refuses a rank that no factors of a matrix have.</summary>
    public static void CheckRank(long rank, LoraSite site, string path, string tensor)
    {
        if (rank < 1 || rank > site.Columns)
            throw new ModelFileException(path, UntrustedText.Tensor(tensor),
                $"has rank {rank}, where a matrix of {site.Columns} inputs takes 1 to {site.Columns}", "The adapter is damaged or of another model");
    }

    public static ModelFileException NoSuchMatrix(string path, string tensor, ModelConfig config) => new(path, UntrustedText.Tensor(tensor),
        $"is for a matrix that this model ({config.Family}, {config.Layers} layers) does not have or does not adapt",
        "Take an adapter that was trained on this model");

    /// <summary>Closes the files.</summary>
    public void Dispose() => _file.Dispose();

    private static LoraFile Guarded(string path, IDisposable file, Func<IReadOnlyList<LoraAdapter>> read)
    {
        try
        {
            return new(path, file, read());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // Whoever names one of a folder's two files means the folder.
    private static string FolderOf(string path) =>
        System.IO.Path.GetFileName(path) is PeftConfig.FileName or PeftFolder.WeightsName && File.Exists(path)
            ? System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))! : path;
}
