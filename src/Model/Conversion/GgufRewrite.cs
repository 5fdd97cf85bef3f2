using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>What a GGUF file holds, as another file is to hold it: its matrices in other formats or in panels, the rest as it is.</summary>
internal sealed class GgufRewrite
{
    private readonly GgufModel _source;
    private readonly RowBlocks _blocks = new();
    private readonly Dictionary<string, BackboneTensor> _matrices;

    /// <param name="source">The file.</param>
    /// <param name="parts">The tensors of the model and what they are to be.</param>
    /// <exception cref="ModelFileException">One of them is missing, or has another shape or an undecodable type.</exception>
    public GgufRewrite(GgufModel source, List<BackboneTensor> parts)
    {
        _source = source;
        // Before the work.
        foreach (BackboneTensor part in parts)
            _ = Rows(part.Name, part.Rows, part.Columns);
        _matrices = parts.Where(part => part is { IsVector: false, Spec: { IsSmall: false, StaysPrecise: false } }).ToDictionary(part => part.Name);
    }

    /// <summary>The metadata of a single file.</summary>
    /// <param name="to">Where that is to be.</param>
    public GgufMetadata Metadata(string to)
    {
        GgufMetadata metadata = new(to);
        foreach ((string key, object value) in _source.Metadata.Raw)
            metadata[key] = value;
        metadata.Drop(GgufSplit.Prefix);
        return metadata;
    }

    /// <summary>Tensors of the file, as the writer takes them.</summary>
    /// <param name="tensors">Those to be written.</param>
    /// <param name="advance">Told the bytes written.</param>
    public List<GgufTensorSource> Tensors(IEnumerable<GgufTensor> tensors, Action<long> advance) =>
        [.. tensors.Select(tensor => TensorSource(tensor, advance))];

    /// <summary>Refuses matrices that are quantised already and would be once more.</summary>
    /// <param name="remedy">What to do.</param>
    /// <exception cref="ModelFileException">There is one.</exception>
    public void CheckIsOriginal(string remedy)
    {
        GgufTensor? quantized = _source.Tensors.FirstOrDefault(tensor =>
            BlockFormat.Find(GgmlTypeLayout.BlockType(tensor.Type)) is not { BlockSize: 1 }
            && NewTensor(tensor) is { } target && target.Format.Type != GgmlTypeLayout.BlockType(tensor.Type));
        if (quantized is not null)
        {
            throw new ModelFileException(_source.Path, UntrustedText.Tensor(quantized.Name),
                $"is quantised already, to {GgmlTypeLayout.BlockType(quantized.Type)}", remedy);
        }
    }

    private GgufTensorSource TensorSource(GgufTensor tensor, Action<long> advance)
    {
        if (NewTensor(tensor) is not { } target)
        {
            return new(tensor.Name, tensor.Type, tensor.Dimensions, (stream, cancellationToken) => StreamBytes.Copy(
                (offset, bytes) => tensor.File!.Span(tensor.Offset + offset, bytes.Length).CopyTo(bytes), tensor.ByteLength, stream, advance,
                    cancellationToken))
            {
                ByteLength = tensor.ByteLength,
            };
        }
        (Action<int, float[]> decode, EncodeRow copy) = Rows(tensor.Name, target.Rows, target.Columns);
        // The same blocks in another order lose nothing.
        bool sameBlocks = GgmlTypeLayout.BlockType(tensor.Type) == target.Format.Type;
        return target.ToSource(_blocks, sameBlocks ? copy : CheckedEncoding.Of(decode, target.Format, _source.Path, tensor.Name), advance);
    }

    /// <summary>How a matrix is read row by row, as floats and as blocks, whether it lies in rows or in panels.</summary>
    private (Action<int, float[]> Decode, EncodeRow Copy) Rows(string name, int rows, int columns)
    {
        if (_source.MappedPanels(name, rows, columns) is { } panels)
            return ((row, values) => panels.DecodeRow(row, values), (row, _, blocks) => panels.CopyRow(row, blocks));
        WeightMatrix weight = _source.Matrix(name, rows, columns);
        return ((row, values) => weight.DecodeRow(row, values), (row, _, blocks) => weight.Row(row).CopyTo(blocks));
    }

    /// <summary>What a tensor becomes; null for one that is copied: a vector, one that is no part of the model, or a matrix that is as it should be
    /// already.</summary>
    private BackboneTensor? NewTensor(GgufTensor tensor) =>
        _matrices.TryGetValue(tensor.Name, out BackboneTensor? target) && target.Type != tensor.Type ? target : null;
}
