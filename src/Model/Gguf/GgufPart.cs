using System.Collections.Immutable;
using MeKi.Model.Files;
using MeKi.Quant;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Gguf;

/// <summary>One file of a GGUF model: the only one, or one of those it is split into.</summary>
/// <param name="File">Its bytes.</param>
/// <param name="Alignment">The alignment of its tensors.</param>
/// <param name="Metadata">Its keys.</param>
/// <param name="Tensors">Its tensors, in file order.</param>
internal sealed record GgufPart(MappedFile File, int Alignment, GgufMetadata Metadata, List<GgufTensor> Tensors)
{
    private const long Unknown = -1;

    /// <param name="path">The file.</param>
    /// <param name="copy">Whether to read it into memory instead of mapping it.</param>
    /// <param name="leaveOut">Tensors, by name, that a copy does without; null for none.</param>
    /// <exception cref="ModelFileException">The file cannot be read, or is not a sound GGUF file of a supported version.</exception>
    public static GgufPart Open(string path, bool copy, Func<string, bool>? leaveOut = null)
    {
        // Opened once: what is checked is what is mapped. The header is read and not mapped, for a vocabulary of 151,936 tokens 6 MB that nobody reads again.
        using SafeFileHandle handle = MappedFile.OpenHandle(path);
        MappedFile file = MappedFile.OfHandle(path, handle, copy, later: true);
        try
        {
            GgufPart part = Read(file, new(path, handle, file.Length));
            if (copy)
            {
                IEnumerable<GgufTensor> left = part.Tensors.Where(tensor => leaveOut?.Invoke(tensor.Name) == true);
                file.ReadCopy(handle, [.. left.Select(tensor => (tensor.Offset, tensor.ByteLength)).Order()]);
            }
            return part;
        }
        catch (IOException failure)
        {
            file.Dispose();
            throw MappedFile.Unreadable(path, failure);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static GgufPart Read(MappedFile file, GgufHeaderReader reader)
    {
        (int tensorCount, int keyValueCount) = reader.ReadCounts();
        var metadata = new GgufMetadata(file.Path);
        for (int i = 0; i < keyValueCount; i++)
            reader.ReadKeyValue(metadata);
        int alignment = GgufLayout.AlignmentOf(metadata);

        var infos = new List<GgufTensorInfo>(tensorCount);
        for (int i = 0; i < tensorCount; i++)
            infos.Add(reader.ReadTensor());
        long dataStart = GgufLayout.AlignUp(reader.Position, alignment);
        return new(file, alignment, metadata, Place(file, infos, dataStart, alignment));
    }

    /// <summary>Turns offsets relative to the tensor data into those of the file.</summary>
    private static List<GgufTensor> Place(MappedFile file, List<GgufTensorInfo> infos, long dataStart, int alignment)
    {
        long[] lengths = Lengths(file, infos, file.Length - dataStart, alignment);
        return [.. infos.Select((info, i) => new GgufTensor
        {
            File = file,
            Name = info.Name,
            Type = info.Type,
            Dimensions = info.Dimensions,
            Offset = dataStart + info.Offset,
            ByteLength = lengths[i],
        })];
    }

    /// <summary>The bytes of each tensor, all of them inside the file and none in two tensors.</summary>
    private static long[] Lengths(MappedFile file, List<GgufTensorInfo> infos, long room, int alignment)
    {
        long[] lengths = new long[infos.Count];
        var order = new List<int>(infos.Count);
        for (int i = 0; i < lengths.Length; i++)
        {
            GgufTensorInfo info = infos[i];
            lengths[i] = GgufTensor.Measure(file.Path, info.Name, info.Type, info.Dimensions) ?? Unknown;
            if ((info.Offset & (alignment - 1)) != 0)
                throw Damaged(file, info, $"its offset {info.Offset} is not a multiple of the alignment {alignment}");
            // Offsets are not negative, and the room may be: neither difference can wrap.
            if (room < 0 || info.Offset > room || lengths[i] > room - info.Offset)
            {
                string bytes = lengths[i] == Unknown ? "bytes" : $"{lengths[i]} bytes";
                string problem = $"its {bytes} at offset {info.Offset} of the tensor data end beyond the file's {file.Length} bytes";
                throw new ModelFileException(file.Path, UntrustedText.Tensor(info.Name), problem, "Download it again; it is incomplete");
            }
            if (lengths[i] != 0)
                order.Add(i);
        }
        order.Sort((a, b) => (infos[a].Offset, lengths[a], a).CompareTo((infos[b].Offset, lengths[b], b)));
        for (int i = 0; i < order.Count; i++)
        {
            GgufTensorInfo info = infos[order[i]];
            ref long length = ref lengths[order[i]];
            long end = i + 1 < order.Count ? infos[order[i + 1]].Offset : room;
            // How long a tensor of an unknown type is nobody knows: no longer than up to the next.
            if (length == Unknown)
                length = end - info.Offset;
            if (length > end - info.Offset)
                throw Damaged(file, infos[order[i + 1]], $"overlaps {UntrustedText.Tensor(info.Name)}");
        }
        return lengths;
    }

    private static ModelFileException Damaged(MappedFile file, GgufTensorInfo info, string problem) =>
        new(file.Path, UntrustedText.Tensor(info.Name), problem, "The file is damaged");
}

/// <summary>What a file's header says of a tensor.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">How the values are stored.</param>
/// <param name="Dimensions">Values along each dimension.</param>
/// <param name="Offset">First byte, counted from the start of the tensor data.</param>
internal sealed record GgufTensorInfo(string Name, GgmlType Type, ImmutableArray<long> Dimensions, long Offset);
