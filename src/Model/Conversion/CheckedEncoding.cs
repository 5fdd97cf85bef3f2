using System.Globalization;
using System.Numerics.Tensors;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>Takes the rows of a matrix from one format to another and refuses values that the other cannot hold.</summary>
internal static class CheckedEncoding
{
    /// <summary>The encoder of a matrix's rows.</summary>
    /// <param name="decode">Decodes a row of the matrix.</param>
    /// <param name="format">How it is to be stored.</param>
    /// <param name="path">The file it comes from, for messages.</param>
    /// <param name="tensor">What that file calls it, for messages.</param>
    /// <returns>Throws <see cref="ModelFileException"/> at a value that is not finite or beyond the format's range.</returns>
    public static EncodeRow Of(Action<int, float[]> decode, BlockFormat format, string path, string tensor) => (row, values, encoded) =>
    {
        decode(row, values);
        // A NaN compares as nothing, so it is not within the range either.
        if (!(Math.Abs(TensorPrimitives.MaxMagnitude<float>(values)) <= format.MaxMagnitude))
            throw Refuse(values, row, format, path, tensor);
        format.Encode(values, encoded);
    };

    private static ModelFileException Refuse(float[] values, int row, BlockFormat format, string path, string tensor)
    {
        int column = Array.FindIndex(values, value => !(Math.Abs(value) <= format.MaxMagnitude));
        string number = values[column].ToString(CultureInfo.InvariantCulture);
        return float.IsFinite(values[column])
            ? new(path, $"tensor '{tensor}'", $"the value {number} at row {row}, column {column} is beyond the range of {format.Name}", "Choose --type f32")
            : new(path, $"tensor '{tensor}'", $"the value at row {row}, column {column} is {number}",
                "Train or export the checkpoint again; nothing was written");
    }
}
