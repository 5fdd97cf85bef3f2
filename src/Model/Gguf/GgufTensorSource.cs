using System.Collections.Immutable;
using MeKi.Quant;

namespace MeKi.Model.Gguf;

/// <summary>A tensor to be written to a GGUF file.</summary>
/// <param name="name">The name, unique in the file.</param>
/// <param name="type">How the values are stored.</param>
/// <param name="dimensions">Values along each dimension in GGUF order: the first runs fastest.</param>
/// <param name="write">
/// Writes the tensor's bytes, exactly as many as type and dimensions say, to the stream. Called once per <see cref="GgufWriter.WriteTo"/>, in file order.
/// </param>
public sealed class GgufTensorSource(string name, GgmlType type, ImmutableArray<long> dimensions, Action<Stream, CancellationToken> write)
{
    /// <summary>The name, unique in the file.</summary>
    public string Name => name;

    /// <summary>How the values are stored.</summary>
    public GgmlType Type => type;

    /// <summary>Values along each dimension in GGUF order: the first runs fastest.</summary>
    public ImmutableArray<long> Dimensions => dimensions;

    /// <summary>How many bytes there are where the type does not say; only for a type that this engine does not know.</summary>
    internal long? ByteLength { get; init; }

    /// <summary>Writes the tensor's bytes.</summary>
    public Action<Stream, CancellationToken> Write => write;
}
