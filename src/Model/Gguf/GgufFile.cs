using System.Diagnostics.CodeAnalysis;
using MeKi.Model.Files;

namespace MeKi.Model.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3, little-endian: its metadata in memory and its tensors as parts of a <see cref="MappedFile"/>. A model that was split into
/// several files
/// (<c>NAME-00001-of-00003.gguf</c>) is opened by its first, and the others with it.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Everything is checked when it is opened; afterwards the object does not change.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly List<MappedFile> _files;
    private readonly List<GgufTensor> _tensors;
    private readonly Dictionary<string, GgufTensor> _byName;

    private GgufFile(List<GgufPart> parts)
    {
        Alignment = parts[0].Alignment;
        Metadata = parts[0].Metadata;
        _files = [.. parts.Select(part => part.File)];
        _tensors = parts.Count == 1 ? parts[0].Tensors : [.. parts.SelectMany(part => part.Tensors)];
        _byName = new(_tensors.Count);
        foreach (GgufTensor tensor in _tensors)
        {
            if (!_byName.TryAdd(tensor.Name, tensor))
                throw new ModelFileException(tensor.File!.Path, UntrustedText.Tensor(tensor.Name), "appears twice", "The file is damaged");
        }
    }

    /// <summary>The file that was opened, the first of <see cref="Files"/>.</summary>
    public MappedFile File => _files[0];

    /// <summary>The bytes of every file; which of them a tensor lies in is its <see cref="GgufTensor.File"/>. Disposed with this object.</summary>
    public IReadOnlyList<MappedFile> Files => _files;

    /// <summary>The alignment of tensors in bytes, a power of two.</summary>
    public int Alignment { get; }

    /// <summary>The key-value section, in file order.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors, in the order in which the file describes them.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    /// <summary>Opens, maps and checks a file.</summary>
    /// <param name="path">The file; of a model in several files the first.</param>
    /// <param name="copy">Whether to read the files into memory instead of mapping them.</param>
    /// <exception cref="ModelFileException">The file cannot be read, or is not a sound GGUF file of a supported version, or one that belongs to it is
    /// missing.</exception>
    public static GgufFile Open(string path, bool copy = false) => Open(path, copy, null);

    /// <summary>Likewise.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">Likewise.</param>
    /// <param name="leaveOut">Tensors, by name, that a copy does without: their bytes must not be looked at.</param>
    internal static GgufFile Open(string path, bool copy, Func<string, bool>? leaveOut)
    {
        List<GgufPart> parts = [GgufPart.Open(path, copy, leaveOut)];
        try
        {
            foreach (GgufPart part in GgufSplit.OpenOthers(parts[0], copy, leaveOut))
                parts.Add(part);
            return new(parts);
        }
        catch
        {
            foreach (GgufPart part in parts)
                part.File.Dispose();
            throw;
        }
    }

    /// <summary>Looks up a tensor by name.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryGetTensor(string name, [MaybeNullWhen(false)] out GgufTensor tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>Looks up a tensor by name.</summary>
    /// <exception cref="ModelFileException">There is none.</exception>
    public GgufTensor GetTensor(string name) => _byName.TryGetValue(name, out GgufTensor? tensor)
        ? tensor
        : throw new ModelFileException(File.Path, UntrustedText.Tensor(name), "is missing", "Convert the checkpoint again with a current tool");

    /// <summary>Keeps every mapping alive, as <see cref="MappedFile.TryAddReference"/> does for one.</summary>
    internal bool TryAddReference()
    {
        for (int i = 0; i < _files.Count; i++)
        {
            if (_files[i].TryAddReference())
                continue;
            while (--i >= 0)
                _files[i].ReleaseReference();
            return false;
        }
        return true;
    }

    /// <summary>Undoes a successful <see cref="TryAddReference"/>.</summary>
    internal void ReleaseReference()
    {
        foreach (MappedFile file in _files)
            file.ReleaseReference();
    }

    /// <summary>Gives back the memory of files that were read into it; see <see cref="MappedFile.FreeCopy"/>.</summary>
    internal void FreeCopies() => _files.ForEach(file => file.FreeCopy());

    /// <summary>Releases the mappings; see <see cref="MappedFile.TryAddReference"/> for computations still in flight.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());
}
