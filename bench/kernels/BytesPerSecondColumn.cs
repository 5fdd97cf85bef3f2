using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace MeKi.Benchmarks;

/// <summary>A benchmark that knows how many bytes it must read at least.</summary>
public interface IStreams
{
    /// <summary>Bytes of weights, keys and values that one call of the method reads.</summary>
    long BytesOf(string method);
}

/// <summary>GB/s: the bytes that a call must read over its mean time; a dash for benchmarks that do not stream.</summary>
public sealed class BytesPerSecondColumn : IColumn
{
    public string Id => nameof(BytesPerSecondColumn);

    public string ColumnName => "GB/s";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => "Bytes of weights, keys and values read, per second";

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        if (summary[benchmarkCase]?.ResultStatistics is not { } statistics || Activator.CreateInstance(benchmarkCase.Descriptor.Type) is not IStreams streams)
            return "-";
        foreach (BenchmarkDotNet.Parameters.ParameterInstance parameter in benchmarkCase.Parameters.Items)
            benchmarkCase.Descriptor.Type.GetProperty(parameter.Name)?.SetValue(streams, parameter.Value);
        return (streams.BytesOf(benchmarkCase.Descriptor.WorkloadMethod.Name) / statistics.Mean).ToString("0.00", CultureInfo.InvariantCulture);
    }
}
