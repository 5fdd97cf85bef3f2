namespace MeKi.Fuzz;

/// <summary><c>meki-fuzz [--seconds N] [--inputs N] [--seed N|fresh] [--reader NAME]… [--failures FOLDER] [--statistics FILE]</c>, or
/// <c>meki-fuzz --reader NAME FILE…</c> for inputs of one's own; <c>--reader NAME --seeds FOLDER</c> and <c>--reader NAME --coverage</c> for AFL++.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        FuzzOptions options = FuzzOptions.Parse(args);
        if (options.IsWorker)
        {
            new Worker(options).Run();
            return 0;
        }
        if (options.Seeds is { } folder)
        {
            Coverage.WriteSeeds(options.Readers.Single(), folder);
            return 0;
        }
        if (options.IsCoverage)
        {
            Coverage.Run(options.Readers.Single());
            return 0;
        }
        if (options.Files.Count > 0)
            return Corpus.Run(options.Files.Select(file => (options.Readers.Single(), file))) == 0 ? 0 : 1;
        Console.WriteLine($"seed {options.Seed}");
        long faults = options.Readers.Count > 0 ? 0 : Corpus.Run(Corpus.Files());
        faults += new Supervisor(options).Run();
        Console.WriteLine($"{faults} faults");
        return faults == 0 ? 0 : 1;
    }
}
