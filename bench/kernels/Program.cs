// dotnet run -c Release --project bench/kernels -- --filter '*'
using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Running;
using MeKi.Benchmarks;

BenchmarkSwitcher.FromAssembly(typeof(ModelShape).Assembly).Run(args, DefaultConfig.Instance
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(new BytesPerSecondColumn())
    .WithCultureInfo(CultureInfo.InvariantCulture)
    .WithSummaryStyle(BenchmarkDotNet.Reports.SummaryStyle.Default.WithMaxParameterColumnWidth(40)));
