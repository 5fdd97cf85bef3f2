using System.Globalization;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Model;

/// <summary>What loading a model made of its weights, and what will compute with them.</summary>
public sealed record LoadReport
{
    /// <summary>The file or folder that the weights came from.</summary>
    public required string Path { get; init; }

    /// <summary>Bytes of matrices that stay in the mapped file: it has them in panels.</summary>
    public required long MappedBytes { get; init; }

    /// <summary>Bytes of matrices in memory of this process: packed into panels, or with <see cref="LoadOptions.CopyWeights"/> in panels as the file has
    /// them.</summary>
    public required long PackedBytes { get; init; }

    /// <summary>Bytes of rows that stay on storage, of which a token reads one record; 0 for a model that reads none.</summary>
    public long StoredBytes { get; init; }

    /// <summary>Matrices in formats that have no panels and were encoded anew, by format; empty where there were none.</summary>
    public required IReadOnlyList<ReencodedWeights> Reencoded { get; init; }

    /// <summary>Threads that compute.</summary>
    public required int Threads { get; init; }

    /// <summary>The instruction set whose kernels compute.</summary>
    public required string Kernels { get; init; }

    /// <summary>Time that loading took.</summary>
    public required TimeSpan LoadTime { get; init; }

    /// <summary>What a user should know before trusting the model, one line each: a key that is missing, an id that is ignored, kernels that leave
    /// the processor's best unused (<see cref="KernelSelection.Warning"/>). Empty where all is well.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The report as one line of text, without the warnings.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"loaded in {LoadTime.TotalSeconds:f2} s | kernels {Kernels} | {Threads} threads "
            + $"| weights {MappedBytes / 1e6:f1} MB mapped, {PackedBytes / 1e6:f1} MB packed")
        + (StoredBytes == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" | rows {StoredBytes / 1e6:f1} MB on storage"))
        + (Reencoded.Count == 0 ? "" : $" | encoded anew: {string.Join(", ", Reencoded)}");

    internal static LoadReport Of(LoadedModel model, bool copied, TimeSpan time)
    {
        PanelMatrix[] all = [.. model.Matrices];
        long inPlace = all.Where(matrix => matrix.OwnedBytes == 0).Sum(matrix => matrix.Panels * matrix.PanelBytes);
        return new()
        {
            Path = model.Source.Path,
            MappedBytes = copied ? 0 : inPlace,
            PackedBytes = all.Sum(matrix => matrix.OwnedBytes) + (copied ? inPlace : 0),
            StoredBytes = model.Rows?.Records is { } rows ? (long)rows.VocabularySize * rows.RecordStride : 0,
            Reencoded = [.. all.Where(matrix => matrix.ReencodedFrom is not null)
                .GroupBy(matrix => (From: matrix.ReencodedFrom!.Value, To: matrix.Format.Block.Type))
                .OrderBy(group => group.Key)
                .Select(group => new ReencodedWeights(group.Key.From, group.Key.To, group.Count(), group.Sum(matrix => matrix.OwnedBytes)))],
            Threads = model.Pool.Threads,
            Kernels = model.Kernels,
            LoadTime = time,
            Warnings = KernelSelection.Warning is { } slow ? [.. model.Source.Warnings, slow] : [.. model.Source.Warnings],
        };
    }
}

/// <summary>Matrices that were encoded anew at load.</summary>
/// <param name="From">Their format in the file.</param>
/// <param name="To">Their format in memory.</param>
/// <param name="Tensors">How many.</param>
/// <param name="Bytes">Bytes in memory.</param>
public sealed record ReencodedWeights(GgmlType From, GgmlType To, int Tensors, long Bytes)
{
    /// <summary>As <c>3 × q4_1 to q8_0</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Tensors} × {BlockFormat.Of(From).Name} to {BlockFormat.Of(To).Name}");
}
