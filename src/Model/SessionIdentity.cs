using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Model.Layers;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>
/// Names what computes a session's keys and values. A model file's identity would not do: it names the checkpoint, so files of one checkpoint in two formats
/// share it, but keys of one are not the other's. And other engines' files have none.
/// </summary>
internal static class SessionIdentity
{
    // Of a matrix, so many rows spread evenly: telling models apart costs 1 to 10 MB of reading and does not bring the whole file into memory.
    private const int SampledRows = 4;

    /// <summary>
    /// SHA-256 over sizes and constants, every norm, each matrix's format, shape and <see cref="SampledRows"/> rows, and the row file's identity and type, or
    /// the format, shape and rows of the table that lies in its place.
    /// </summary>
    public static ModelIdentity Of(ModelConfig config, ModelWeights weights, TrainingFormLayer[]? trainingForm, RecordStore? store)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        RowFileLayout? rows = (store as RowStore)?.Layout;
        Append(hash, string.Create(CultureInfo.InvariantCulture,
            $"{config.Layers} {config.Heads} {config.KvHeads} {config.HeadDimension} {config.NormEps:r} "
            + $"{config.MemoryDimension} {config.GateInput} {config.Fusion} {config.Placement} "
            + $"{rows?.Identity} {rows?.Type} {string.Join(' ', config.Windows)}"));
        foreach (PanelMatrix matrix in weights.Matrices)
            Append(hash, matrix.Format.Block.Name, matrix.Rows, matrix.Columns, (int)matrix.RowBytes, matrix.CopyRow);
        foreach (LayerWeights layer in weights.Layers)
        {
            foreach (TensorSpec spec in config.Architecture.Tensors.Where(spec => spec is { PerLayer: true, OnlyInCheckpoints: false }
                && (spec.IsVector || spec.IsSmall)))
                Append(hash, layer.Vector(spec.Role));
            // Where the branch would have its norm.
            if (!config.HasMeKi)
                Append(hash, (float[]?)null);
        }
        Append(hash, weights.FinalNorm);
        if (store is RowTableStore table)
        {
            Append(hash, weights.Globals.Vector(Role.RowProjectionNorm));
            RowTableLayout layout = table.Layout;
            Append(hash, layout.Format.Name, layout.VocabularySize, layout.Layers * layout.Dimension, layout.RecordStride,
                (row, bytes) => table.Source.ReadFully(bytes, layout.RecordOffset(row)));
        }
        foreach (RotaryEmbedding rotary in config.Geometry.Select(layer => layer.Rotary).OfType<RotaryEmbedding>().Distinct())
        {
            Rope rope = new(rotary.Dimension, rotary.Theta, rotary.Scaling);
            Append(hash, [.. rope.Frequencies, rope.Magnitude]);
        }
        Append(hash, config.VariantText());
        foreach (TrainingFormLayer layer in trainingForm ?? [])
            Append(hash, layer);
        return new(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, TrainingFormLayer layer)
    {
        Append(hash, [layer.Alpha, layer.Beta]);
        Append(hash, layer.MixNorm);
        Append(hash, layer.Projection?.Norm);
        foreach (WeightMatrix? matrix in new[] { layer.Memory, layer.Projection?.Gate, layer.Projection?.Up, layer.Projection?.Down })
        {
            if (matrix is not null)
                Append(hash, matrix);
        }
    }

    private static void Append(IncrementalHash hash, WeightMatrix matrix) =>
        Append(hash, matrix.Format.Name, matrix.Rows, matrix.Columns, (int)matrix.RowBytes, (row, bytes) => matrix.Row(row).CopyTo(bytes));

    private static void Append(IncrementalHash hash, string format, int rows, int columns, int rowBytes, CopyRow copy)
    {
        Append(hash, string.Create(CultureInfo.InvariantCulture, $"\n{format} {rows} {columns} "));
        byte[] row = new byte[rowBytes];
        for (int i = 0; i < SampledRows; i++)
        {
            copy((int)((long)rows * i / SampledRows), row);
            hash.AppendData(row);
        }
    }

    private static void Append(IncrementalHash hash, float[]? vector)
    {
        Append(hash, string.Create(CultureInfo.InvariantCulture, $"\n{vector?.Length} "));
        foreach (float value in vector ?? [])
            hash.AppendData(BitConverter.GetBytes(value));
    }

    private static void Append(IncrementalHash hash, string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));

    private delegate void CopyRow(int row, Span<byte> bytes);
}
