using MeKi.Model.Files;

namespace MeKi.Model.Gguf;

/// <summary>
/// Writes a GGUF file, version 3, little-endian: metadata in the order in which it was set, then the tensors in the order given, each padded with zeros to
/// the alignment (metadata <c>general.alignment</c>, else 32 bytes). The same input gives the same bytes.
/// </summary>
public sealed class GgufWriter
{
    private readonly IReadOnlyList<GgufTensorSource> _sources;
    private readonly List<GgufTensor> _tensors;
    private readonly ReadOnlyMemory<byte> _header;
    private readonly int _alignment;

    /// <summary>Lays out the file. No tensor bytes are asked for yet.</summary>
    /// <param name="metadata">The key-value section; read here, later changes do not matter.</param>
    /// <param name="tensors">The tensors; more than the list itself is read only in <see cref="WriteTo"/>.</param>
    /// <exception cref="ModelFileException">The result would not be a sound GGUF file: the reader's rules hold here too.</exception>
    public GgufWriter(GgufMetadata metadata, IReadOnlyList<GgufTensorSource> tensors)
    {
        _sources = [.. tensors];
        _alignment = GgufLayout.AlignmentOf(metadata);

        long dataBytes = 0;
        var offsets = new long[_sources.Count];
        var lengths = new long[_sources.Count];
        var names = new HashSet<string>(_sources.Count);
        for (int i = 0; i < offsets.Length; i++)
        {
            GgufTensorSource source = _sources[i];
            if (!names.Add(source.Name))
                throw new ModelFileException(metadata.Path, UntrustedText.Tensor(source.Name), "is given twice");
            offsets[i] = dataBytes;
            lengths[i] = GgufTensor.Measure(metadata.Path, source.Name, source.Type, source.Dimensions) ?? source.ByteLength
                ?? throw new ModelFileException(metadata.Path, UntrustedText.Tensor(source.Name), $"has the unknown type {(uint)source.Type}",
                    "Give it another");
            try
            {
                dataBytes = checked(dataBytes + GgufLayout.AlignUp(lengths[i], _alignment));
                _ = checked(dataBytes + GgufLayout.MaxHeaderBytes);
            }
            catch (OverflowException e)
            {
                throw new ModelFileException(metadata.Path, UntrustedText.Tensor(source.Name), "makes the file larger than any file can be", "", e);
            }
        }

        _header = GgufHeaderWriter.Write(metadata, _sources, offsets, _alignment);
        TotalBytes = _header.Length + dataBytes;
        _tensors = [.. _sources.Select((source, i) => new GgufTensor
        {
            Name = source.Name,
            Type = source.Type,
            Dimensions = source.Dimensions,
            Offset = _header.Length + offsets[i],
            ByteLength = lengths[i],
        })];
    }

    /// <summary>The size of the whole file in bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>Where each tensor will lie, in the order given.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    /// <summary>Writes the whole file at the stream's position. May be called again for another copy.</summary>
    /// <param name="stream">A writable stream; need not seek. Not flushed, not closed.</param>
    /// <param name="cancellationToken">Stops between tensors, and within one if its source heeds it; the stream then holds half a file.</param>
    /// <exception cref="InvalidOperationException">A source wrote fewer or more bytes than its tensor has.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    /// <exception cref="IOException">The stream cannot take the bytes.</exception>
    public void WriteTo(Stream stream, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        stream.Write(_header.Span);
        for (int i = 0; i < _tensors.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            GgufTensor tensor = _tensors[i];
            using (var counted = new ExactLengthStream(stream, tensor.ByteLength, UntrustedText.Tensor(tensor.Name)))
            {
                _sources[i].Write(counted, cancellationToken);
                counted.RequireComplete();
            }
            WriteZeros(stream, GgufLayout.AlignUp(tensor.ByteLength, _alignment) - tensor.ByteLength);
        }
    }

    private static void WriteZeros(Stream stream, long count)
    {
        Span<byte> zeros = stackalloc byte[256];
        zeros.Clear();
        for (; count > 0; count -= zeros.Length)
            stream.Write(zeros[..(int)Math.Min(count, zeros.Length)]);
    }
}
