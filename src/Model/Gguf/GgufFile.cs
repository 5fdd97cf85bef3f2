using System.Diagnostics.CodeAnalysis;
using MeKi.Model.Files;

namespace MeKi.Model.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3, little-endian: its metadata in memory and its tensors as parts of a <see cref="MappedFile"/>.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Everything is checked when it is opened; afterwards the object does not change.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly List<GgufTensor> _tensors;
    private readonly Dictionary<string, GgufTensor> _byName;

    private GgufFile(MappedFile file, int alignment, GgufMetadata metadata, List<GgufTensor> tensors, Dictionary<string, GgufTensor> byName)
    {
        File = file;
        Alignment = alignment;
        Metadata = metadata;
        _tensors = tensors;
        _byName = byName;
    }

    /// <summary>The bytes of the whole file; tensor offsets count from its start. Disposed with this object.</summary>
    public MappedFile File { get; }

    /// <summary>The alignment of tensors in bytes, a power of two.</summary>
    public int Alignment { get; }

    /// <summary>The key-value section, in file order.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors, in the order in which the file describes them.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    /// <summary>Opens, maps and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">Whether to read the file into memory instead of mapping it.</param>
    /// <exception cref="ModelFileException">The file cannot be read, or is not a sound GGUF file of a supported version.</exception>
    public static GgufFile Open(string path, bool copy = false)
    {
        // The header is read through a mapping of its own: when that is gone, so are its pages, for a vocabulary of 151,936 tokens 6 MB that nobody reads again.
        using MappedFile? header = copy ? null : MappedFile.Open(path);
        MappedFile file = MappedFile.Open(path, copy);
        try
        {
            return Read(header ?? file, file);
        }
        catch
        {
            file.Dispose();
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

    /// <summary>Releases the mapping; see <see cref="MappedFile.TryAddReference"/> for computations still in flight.</summary>
    public void Dispose() => File.Dispose();

    private static GgufFile Read(MappedFile header, MappedFile file)
    {
        int window = (int)Math.Min(header.Length, GgufLayout.MaxHeaderBytes);
        var reader = new GgufHeaderReader(file.Path, header.Span(0, window), isCut: window < header.Length);
        (int tensorCount, int keyValueCount) = reader.ReadCounts();

        var metadata = new GgufMetadata(file.Path);
        for (int i = 0; i < keyValueCount; i++)
            reader.ReadKeyValue(metadata);
        int alignment = GgufLayout.AlignmentOf(metadata);

        var relative = new List<GgufTensor>(tensorCount);
        for (int i = 0; i < tensorCount; i++)
            relative.Add(reader.ReadTensor());

        long dataStart = GgufLayout.AlignUp(reader.Position, alignment);
        var tensors = new List<GgufTensor>(tensorCount);
        var byName = new Dictionary<string, GgufTensor>(tensorCount);
        foreach (GgufTensor tensor in relative)
        {
            GgufTensor placed = Place(file, tensor, dataStart, alignment);
            tensors.Add(placed);
            if (!byName.TryAdd(placed.Name, placed))
                throw Damaged(file, placed, "appears twice");
        }
        CheckOverlap(file, tensors);
        return new(file, alignment, metadata, tensors, byName);
    }

    /// <summary>Turns an offset relative to the tensor data into one of the file.</summary>
    private static GgufTensor Place(MappedFile file, GgufTensor tensor, long dataStart, int alignment)
    {
        if ((tensor.Offset & (alignment - 1)) != 0)
            throw Damaged(file, tensor, $"its offset {tensor.Offset} is not a multiple of the alignment {alignment}");
        // Both terms are at most the file's length in a sound file, so neither difference can wrap.
        if (dataStart > file.Length || tensor.Offset > file.Length - dataStart || tensor.ByteLength > file.Length - dataStart - tensor.Offset)
        {
            string problem = $"its {tensor.ByteLength} bytes at offset {tensor.Offset} of the tensor data end beyond the file's {file.Length} bytes";
            throw new ModelFileException(file.Path, UntrustedText.Tensor(tensor.Name), problem, "Download it again; it is incomplete");
        }
        return new()
        {
            Name = tensor.Name,
            Type = tensor.Type,
            Dimensions = tensor.Dimensions,
            Offset = dataStart + tensor.Offset,
            ByteLength = tensor.ByteLength,
        };
    }

    private static void CheckOverlap(MappedFile file, List<GgufTensor> tensors)
    {
        GgufTensor? before = null;
        foreach (GgufTensor tensor in tensors.Where(t => t.ByteLength > 0).OrderBy(t => t.Offset))
        {
            if (before is not null && before.Offset + before.ByteLength > tensor.Offset)
                throw Damaged(file, tensor, $"overlaps {UntrustedText.Tensor(before.Name)}");
            before = tensor;
        }
    }

    private static ModelFileException Damaged(MappedFile file, GgufTensor tensor, string problem) =>
        new(file.Path, UntrustedText.Tensor(tensor.Name), problem, "The file is damaged");
}
