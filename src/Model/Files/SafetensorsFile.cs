using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Files;

/// <summary>
/// A safetensors file: its tensors as parts of a <see cref="MappedFile"/>. Format: https://github.com/huggingface/safetensors (README, "Format").
/// Everything is checked when it is opened; afterwards the object does not change. The entry <c>__metadata__</c> is passed over.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = sizeof(ulong);
    private const int MaxHeaderBytes = 100_000_000;
    private const string HeaderPlace = "header";
    private const string Lacking = "lacks dtype, shape or a pair of data_offsets";

    // More than any model has, so that a header of nothing but names cannot fill the memory; more dimensions than any writer's arrays have.
    private const int MaxTensors = 1 << 18;
    private const int MaxDimensions = 64;

    private SafetensorsFile(MappedFile file, Dictionary<string, SafetensorsTensor> tensors)
    {
        File = file;
        Tensors = tensors;
    }

    /// <summary>The bytes of the whole file; tensor offsets count from its start. Disposed with this object.</summary>
    public MappedFile File { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    /// <summary>Opens, maps and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">Whether to read into memory instead of mapping.</param>
    /// <exception cref="ModelFileException">The file cannot be read or is not a sound safetensors file.</exception>
    public static SafetensorsFile Open(string path, bool copy = false) => Open(path, copy, null);

    /// <summary>Likewise.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">Whether to read into memory instead of mapping.</param>
    /// <param name="leaveOut">Tensors, by name, that a copy does without: their bytes must not be looked at. Null for none.</param>
    internal static SafetensorsFile Open(string path, bool copy, Func<string, bool>? leaveOut)
    {
        // Opened once: what is checked is what is read.
        using SafeFileHandle handle = MappedFile.OpenHandle(path);
        MappedFile file = MappedFile.OfHandle(path, handle, copy: false);
        try
        {
            Dictionary<string, SafetensorsTensor> tensors = Read(file);
            if (!copy)
                return new(file, tensors);
            MappedFile mapped = file;
            file = MappedFile.OfHandle(path, handle, copy: true, later: true);
            mapped.Dispose();
            IEnumerable<SafetensorsTensor> left = tensors.Values.Where(tensor => leaveOut?.Invoke(tensor.Name) == true);
            file.ReadCopy(handle, [.. left.Select(tensor => (tensor.Offset, tensor.ByteLength)).Order()]);
            return new(file, Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Releases the mapping; see <see cref="MappedFile.TryAddReference"/> for computations still in flight.</summary>
    public void Dispose() => File.Dispose();

    private static Dictionary<string, SafetensorsTensor> Read(MappedFile file)
    {
        if (file.Length < LengthBytes)
            throw new ModelFileException(file.Path, HeaderPlace, $"the file ends after {file.Length} bytes", "Download it again; it is incomplete");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, LengthBytes));
        if (headerBytes > MaxHeaderBytes)
            throw Damaged(file, HeaderPlace, $"claims {headerBytes} bytes where the format allows {MaxHeaderBytes}; this is not a safetensors file");
        long dataStart = LengthBytes + (long)headerBytes;
        if (dataStart > file.Length)
            throw new ModelFileException(file.Path, HeaderPlace, $"needs {dataStart} bytes of a file of {file.Length}", "Download it again; it is incomplete");

        var json = new JsonModelFile(file.Path, HeaderPlace, file.Span(LengthBytes, (int)headerBytes));
        Dictionary<string, SafetensorsTensor> tensors = [];
        json.Expect(JsonTokenType.StartObject);
        bool hasMetadata = false;
        while (json.ReadMember())
        {
            if (json.Is("__metadata__"u8))
            {
                if (hasMetadata)
                    throw Damaged(file, HeaderPlace, "__metadata__ appears twice");
                hasMetadata = true;
                json.SkipValue();
                continue;
            }
            if (tensors.Count == MaxTensors)
                throw Damaged(file, HeaderPlace, $"tells of more than {MaxTensors} tensors");
            json.Tensor = json.Text();
            if (!tensors.TryAdd(json.Tensor, ReadTensor(file, ref json, dataStart)))
                throw json.Wrong("appears twice");
            json.Tensor = null;
        }
        json.Read();
        CheckCoverage(file, tensors.Values, dataStart);
        return tensors;
    }

    private static SafetensorsTensor ReadTensor(MappedFile file, ref JsonModelFile json, long dataStart)
    {
        string? dtype = null;
        ImmutableArray<long>? shape = null;
        (long Begin, long End)? offsets = null;
        Span<long> sizes = stackalloc long[MaxDimensions];
        json.Expect(JsonTokenType.StartObject);
        while (json.ReadMember())
        {
            if (json.Is("dtype"u8))
            {
                if (dtype is not null)
                    throw json.Wrong("dtype appears twice");
                dtype = json.ReadString();
            }
            else if (json.Is("shape"u8))
            {
                if (shape is not null)
                    throw json.Wrong("shape appears twice");
                shape = [.. sizes[..json.ReadSizes(sizes)]];
            }
            else if (json.Is("data_offsets"u8))
            {
                if (offsets is not null)
                    throw json.Wrong("data_offsets appears twice");
                offsets = json.ReadSizes(sizes) == 2 ? (sizes[0], sizes[1]) : throw json.Wrong(Lacking);
            }
            else
            {
                json.SkipValue();
            }
        }
        if (dtype is null || shape is not { } lengths || offsets is not (long begin, long end))
            throw json.Wrong(Lacking);
        if (end < begin || end > file.Length - dataStart)
            throw json.Wrong($"its data_offsets {begin} to {end} do not lie in the {file.Length - dataStart} bytes of tensor data");

        (SafetensorsDType type, int elementBytes) = Parse(dtype);
        // How long a value of an unknown type is nobody knows; the tensor may well be one that is not used.
        if (type != SafetensorsDType.Unknown && end - begin != ByteLength(json, lengths, elementBytes))
            throw json.Wrong($"its data_offsets hold {end - begin} bytes, not those of {type}[{string.Join(", ", lengths)}]");
        return new()
        {
            File = file,
            Name = json.Tensor!,
            DType = type,
            DTypeName = dtype,
            Shape = lengths,
            Offset = dataStart + begin,
            ByteLength = end - begin,
        };
    }

    private static long ByteLength(in JsonModelFile json, ImmutableArray<long> shape, int elementBytes)
    {
        long bytes = elementBytes;
        foreach (long length in shape)
            bytes = Math.BigMul(bytes, length, out long low) == 0 && low >= 0 ? low : throw json.Wrong("is larger than any file");
        return bytes;
    }

    /// <summary>The format allows neither overlaps nor gaps: the tensors fill the rest of the file.</summary>
    private static void CheckCoverage(MappedFile file, IEnumerable<SafetensorsTensor> tensors, long dataStart)
    {
        long covered = dataStart;
        foreach (SafetensorsTensor tensor in tensors.OrderBy(t => t.Offset).ThenBy(t => t.ByteLength))
        {
            if (tensor.Offset != covered)
                throw Damaged(file, UntrustedText.Tensor(tensor.Name), tensor.Offset < covered ? "overlaps another tensor" : "follows a gap");
            covered += tensor.ByteLength;
        }
        if (covered != file.Length)
            throw Damaged(file, $"byte {covered}", $"{file.Length - covered} bytes belong to no tensor");
    }

    private static (SafetensorsDType Type, int Bytes) Parse(string dtype) => dtype switch
    {
        "BOOL" => (SafetensorsDType.BOOL, 1),
        "U8" => (SafetensorsDType.U8, 1),
        "I8" => (SafetensorsDType.I8, 1),
        "F8_E5M2" => (SafetensorsDType.F8_E5M2, 1),
        "F8_E4M3" => (SafetensorsDType.F8_E4M3, 1),
        "F8_E8M0" => (SafetensorsDType.F8_E8M0, 1),
        "I16" => (SafetensorsDType.I16, 2),
        "U16" => (SafetensorsDType.U16, 2),
        "F16" => (SafetensorsDType.F16, 2),
        "BF16" => (SafetensorsDType.BF16, 2),
        "I32" => (SafetensorsDType.I32, 4),
        "U32" => (SafetensorsDType.U32, 4),
        "F32" => (SafetensorsDType.F32, 4),
        "F64" => (SafetensorsDType.F64, 8),
        "I64" => (SafetensorsDType.I64, 8),
        "U64" => (SafetensorsDType.U64, 8),
        _ => (SafetensorsDType.Unknown, 0),
    };

    private static ModelFileException Damaged(MappedFile file, string place, string problem) => new(file.Path, place, problem, "The file is damaged");
}
