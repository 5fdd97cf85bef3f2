// dotnet run -c Release --project bench/kernels -- --filter '*'
using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MeKi.Benchmarks;

// In this process: the generated project of BenchmarkDotNet 0.14 does not build for .NET 10 under central package management.
BenchmarkSwitcher.FromAssembly(typeof(ModelShape).Assembly).Run(args, DefaultConfig.Instance
    .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance))
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(new BytesPerSecondColumn())
    .WithCultureInfo(CultureInfo.InvariantCulture)
    .WithSummaryStyle(BenchmarkDotNet.Reports.SummaryStyle.Default.WithMaxParameterColumnWidth(40)));
