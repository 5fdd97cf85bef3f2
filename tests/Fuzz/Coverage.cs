using MeKi.Fuzz.Readers;
using SharpFuzz;

namespace MeKi.Fuzz;

/// <summary>One reader under AFL++, which chooses inputs by the branches that they reach: <c>tests/coverage.sh</c>.</summary>
internal static class Coverage
{
    /// <summary>Takes inputs from AFL++ until it ends.</summary>
    public static void Run(string name)
    {
        Reader? reader = null;
        Fuzzer.Run(stream =>
        {
            // What is instrumented runs in here only.
            reader ??= AllReaders.Create([name]).Single();
            using MemoryStream input = new();
            stream.CopyTo(input);
            if (Judge.Run(reader, input.ToArray()).Fault is { } fault)
                throw new CorruptionException(fault);
        });
    }

    /// <summary>Writes a reader's sound inputs to a folder, for it to begin with.</summary>
    public static void WriteSeeds(string name, string folder)
    {
        Directory.CreateDirectory(folder);
        using Reader reader = AllReaders.Create([name]).Single();
        for (int i = 0; i < reader.Seeds.Count; i++)
            File.WriteAllBytes(Path.Combine(folder, $"{i:d3}"), reader.Seeds[i]);
    }
}
