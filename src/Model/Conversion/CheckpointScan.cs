using System.Buffers;
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
/// each tensor's name, dtype, shape and bytes. The same checkpoint has the same identity however it is cut into shards.
/// </summary>
internal static class CheckpointScan
{
    private const int BlockBytes = 1 << 20;

    /// <exception cref="ModelFileException">A weight is NaN or infinite.</exception>
    public static ModelIdentity Run(HuggingFaceCheckpoint checkpoint, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        SafetensorsTensor[] tensors = [.. checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)];
        byte[][] hashes = new byte[tensors.Length][];
        long total = tensors.Sum(tensor => tensor.ByteLength), done = 0;
        Parallel.For(0, tensors.Length, new() { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            hashes[i] = HashTensor(tensors[i], bytes => progress?.Report(new("check", Interlocked.Add(ref done, bytes), total)), cancellationToken);
        });

        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(checkpoint.Config.ToIdentityText()));
        string tokenizer = Path.Combine(checkpoint.Path, "tokenizer.json");
        if (File.Exists(tokenizer))
            hash.AppendData(HashFile(tokenizer));
        for (int i = 0; i < tensors.Length; i++)
        {
            string shape = string.Join('x', tensors[i].Shape.Select(length => length.ToString(CultureInfo.InvariantCulture)));
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{tensors[i].Name} {tensors[i].DTypeName} {shape} "));
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

    private static byte[] HashTensor(SafetensorsTensor tensor, Action<int> advance, CancellationToken cancellationToken)
    {
        GgmlType? type = tensor.DType switch
        {
            SafetensorsDType.F32 => GgmlType.F32,
            SafetensorsDType.F16 => GgmlType.F16,
            SafetensorsDType.BF16 => GgmlType.BF16,
            _ => null,
        };
        BlockFormat? format = type is null ? null : BlockFormat.Of(type.Value);
        float[] values = ArrayPool<float>.Shared.Rent(BlockBytes / 2);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; at < tensor.ByteLength; at += BlockBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> bytes = tensor.File.Span(tensor.Offset + at, (int)Math.Min(BlockBytes, tensor.ByteLength - at));
            hash.AppendData(bytes);
            if (format is not null)
                CheckFinite(tensor, format, bytes, at / format.BlockBytes, values);
            advance(bytes.Length);
        }
        ArrayPool<float>.Shared.Return(values);
        return hash.GetHashAndReset();
    }

    private static void CheckFinite(SafetensorsTensor tensor, BlockFormat format, ReadOnlySpan<byte> bytes, long firstValue, float[] scratch)
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
            $"the value at row {index / width}, column {index % width} is {values[at].ToString(CultureInfo.InvariantCulture)}", "Train or export the checkpoint again; nothing was written");
    }
}
