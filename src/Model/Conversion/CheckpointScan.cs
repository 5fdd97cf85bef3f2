using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using System.Text;
using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Quant;
using MeKi.Store;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Conversion;

/// <summary>
/// One pass over every byte of a checkpoint: finds values that are not finite, and computes the identity, a SHA-256 over the configuration, the tokenizer and
/// each tensor's name, dtype, shape and bytes. The same checkpoint has the same identity however it is cut into shards. Likewise over a GGUF file, whose
/// quantised values are taken as they are.
/// </summary>
internal static class CheckpointScan
{
    private const int BlockBytes = 1 << 20;

    /// <exception cref="ModelFileException">A weight is NaN or infinite.</exception>
    public static ModelIdentity Run(HuggingFaceCheckpoint checkpoint, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        string tokenizer = Path.Combine(checkpoint.Path, "tokenizer.json");
        return Run(checkpoint.Config, File.Exists(tokenizer) ? HashFile(tokenizer) : [],
            checkpoint.Tensors.Select(each => new Part(each.File, each.Name, each.DTypeName, each.Shape, each.Offset, each.ByteLength, FormatOf(each.DType))),
            progress, cancellationToken);
    }

    /// <summary>The identity of a GGUF file; its tokenizer, which no weight depends on, is no part of it.</summary>
    public static ModelIdentity Run(GgufModel model, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) => Run(model.Config, [],
        model.Tensors.Select(each => new Part(each.File!, each.Name, each.Type.ToString(), each.Dimensions, each.Offset, each.ByteLength, null)),
        progress, cancellationToken);

    private static ModelIdentity Run(
        ModelConfig config, byte[] tokenizer, IEnumerable<Part> parts, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        Part[] tensors = [.. parts.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)];
        byte[][] hashes = new byte[tensors.Length][];
        long total = tensors.Sum(tensor => tensor.ByteLength), done = 0;
        Parallel.For(0, tensors.Length, new() { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            hashes[i] = HashTensor(tensors[i], bytes => progress?.Report(new("check", Interlocked.Add(ref done, bytes), total)), cancellationToken);
        });

        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(config.ToIdentityText()));
        hash.AppendData(tokenizer);
        for (int i = 0; i < tensors.Length; i++)
        {
            string shape = string.Join('x', tensors[i].Shape.Select(length => length.ToString(CultureInfo.InvariantCulture)));
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{tensors[i].Name} {tensors[i].TypeName} {shape} "));
            hash.AppendData(hashes[i]);
        }
        return new(hash.GetHashAndReset());
    }

    private static byte[] HashFile(string path)
    {
        using SafeFileHandle handle = MappedFile.OpenHandle(path);
        using FileStream stream = new(handle, FileAccess.Read);
        return SHA256.HashData(stream);
    }

    private static BlockFormat? FormatOf(SafetensorsDType type) => type switch
    {
        SafetensorsDType.F32 => BlockFormat.Of(GgmlType.F32),
        SafetensorsDType.F16 => BlockFormat.Of(GgmlType.F16),
        SafetensorsDType.BF16 => BlockFormat.Of(GgmlType.BF16),
        _ => null,
    };

    private static byte[] HashTensor(Part tensor, Action<int> advance, CancellationToken cancellationToken)
    {
        float[] values = ArrayPool<float>.Shared.Rent(BlockBytes / 2);
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // What is hashed and not used again, such as a table of gigabytes, stays out of the mapping, whose pages count as this process's.
        using SafeFileHandle file = MappedFile.OpenHandle(tensor.File.Path);
        for (long at = 0; at < tensor.ByteLength; at += BlockBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> bytes = block.AsSpan(0, (int)Math.Min(BlockBytes, tensor.ByteLength - at));
            ReadFully(file, bytes, tensor.Offset + at, tensor.File.Path);
            hash.AppendData(bytes);
            if (tensor.Format is { } format)
                CheckFinite(tensor, format, bytes, at / format.BlockBytes, values);
            advance(bytes.Length);
        }
        ArrayPool<float>.Shared.Return(values);
        ArrayPool<byte>.Shared.Return(block);
        return hash.GetHashAndReset();
    }

    private static void ReadFully(SafeFileHandle file, Span<byte> bytes, long offset, string path)
    {
        try
        {
            for (int read; bytes.Length > 0; bytes = bytes[read..], offset += read)
            {
                read = RandomAccess.Read(file, bytes, offset);
                if (read == 0)
                    throw new ModelFileException(path, $"byte {offset}", "the file ends here: it was shortened while it was read", "Copy it again");
            }
        }
        catch (IOException failure)
        {
            throw new ModelFileException(path, $"byte {offset}", failure.Message.TrimEnd('.'), "Check the storage device", failure);
        }
    }

    private static void CheckFinite(Part tensor, BlockFormat format, ReadOnlySpan<byte> bytes, long firstValue, float[] scratch)
    {
        Span<float> values = scratch.AsSpan(0, bytes.Length / format.BlockBytes);
        format.Decode(bytes, values);
        if (TensorPrimitives.IsFiniteAll<float>(values))
            return;
        int at = 0;
        while (float.IsFinite(values[at]))
            at++;
        long index = firstValue + at;
        long width = tensor.Shape is [.., long last] ? last : 1;
        throw new ModelFileException(tensor.File.Path, UntrustedText.Tensor(tensor.Name),
            $"the value at row {index / width}, column {index % width} is {values[at].ToString(CultureInfo.InvariantCulture)}",
                "Train or export the checkpoint again; nothing was written");
    }

    /// <summary>A tensor.</summary>
    /// <param name="File">Its file.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="TypeName">What the file calls its type.</param>
    /// <param name="Shape">Its sides, as the file tells them.</param>
    /// <param name="Offset">Its first byte.</param>
    /// <param name="ByteLength">Its size.</param>
    /// <param name="Format">How its values are decoded to be checked; null where they are not.</param>
    private sealed record Part(MappedFile File, string Name, string TypeName, ImmutableArray<long> Shape, long Offset, long ByteLength, BlockFormat? Format);
}
