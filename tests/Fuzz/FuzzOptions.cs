using System.Globalization;

namespace MeKi.Fuzz;

/// <summary>What the command line asks for.</summary>
internal sealed record FuzzOptions
{
    /// <summary>How long.</summary>
    public double Seconds { get; init; } = 60;

    /// <summary>At most so many inputs, those of earlier runs in <see cref="Statistics"/> included.</summary>
    public long Inputs { get; init; } = long.MaxValue;

    /// <summary>Chooses the inputs.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The readers; empty for all.</summary>
    public IReadOnlyList<string> Readers { get; init; } = [];

    /// <summary>Where failures go.</summary>
    public string Failures { get; init; } = Path.Combine(Path.GetTempPath(), "meki-fuzz-failures");

    /// <summary>A file that figures are kept in; null for none.</summary>
    public string? Statistics { get; init; }

    /// <summary>Where the input in progress is noted.</summary>
    public string Current { get; init; } = "";

    /// <summary>Whether this process works, and none that it starts.</summary>
    public bool IsWorker { get; init; }

    /// <summary>Whether AFL++ chooses the inputs of the one reader.</summary>
    public bool IsCoverage { get; init; }

    /// <summary>A folder that the one reader's sound inputs are written to; null for none.</summary>
    public string? Seeds { get; init; }

    /// <summary>Inputs to give to the one reader, and no more.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    public static FuzzOptions Parse(string[] args)
    {
        FuzzOptions options = new();
        for (int i = 0; i < args.Length; i++)
        {
            string Value() => ++i < args.Length ? args[i] : throw new ArgumentException($"{args[i - 1]} needs a value.");
            options = args[i] switch
            {
                "--seconds" => options with { Seconds = double.Parse(Value(), CultureInfo.InvariantCulture) },
                "--inputs" => options with { Inputs = long.Parse(Value(), CultureInfo.InvariantCulture) },
                "--seed" => options with { Seed = Value() is var seed && seed == "fresh" ? Random.Shared.Next() : int.Parse(seed,
                CultureInfo.InvariantCulture) },
                "--reader" => options with { Readers = [.. options.Readers, Value()] },
                "--failures" => options with { Failures = Value() },
                "--statistics" => options with { Statistics = Value() },
                "--current" => options with { Current = Value() },
                "--worker" => options with { IsWorker = true },
                "--coverage" => options with { IsCoverage = true },
                "--seeds" => options with { Seeds = Value() },
                string file when !file.StartsWith('-') => options with { Files = [.. options.Files, file] },
                string unknown => throw new ArgumentException($"There is no option {unknown}."),
            };
        }
        return options;
    }

    /// <summary>The arguments of a process that works.</summary>
    public IEnumerable<string> ToArguments() =>
    [
        "--worker", "--seconds", Seconds.ToString(CultureInfo.InvariantCulture), "--inputs", Inputs.ToString(CultureInfo.InvariantCulture),
        "--seed", Seed.ToString(CultureInfo.InvariantCulture), "--failures", Failures, "--statistics", Statistics!, "--current", Current,
        .. Readers.SelectMany(reader => new[] { "--reader", reader }),
    ];
}
