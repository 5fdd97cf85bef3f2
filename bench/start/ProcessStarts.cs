using System.Diagnostics;

namespace MeKi.Start;

/// <summary>Runs <c>meki run</c> as a user does and looks at a watch: programs in turn, so that a neighbour on the machine meets them all.</summary>
internal static class ProcessStarts
{
    private const string Prompt = "hello";

    /// <param name="model">The model.</param>
    /// <param name="runs">Runs of each program, after one that is not counted.</param>
    /// <param name="commands">Programs, each after the environment variables to give it, as <c>NAME=VALUE</c>.</param>
    public static void Measure(string model, int runs, string[] commands)
    {
        List<(string Name, ProcessStartInfo Start)> programs = [.. Parse(model, commands)];
        List<StartSample>[] samples = [.. programs.Select(_ => new List<StartSample>())];
        for (int run = -1; run < runs; run++)
        {
            for (int i = 0; i < programs.Count; i++)
            {
                StartSample sample = Run(programs[i].Start);
                if (run >= 0)
                    samples[i].Add(sample);
            }
        }
        Console.WriteLine(StartSample.Heading);
        for (int i = 0; i < programs.Count; i++)
            Console.WriteLine(StartSample.Row(programs[i].Name, samples[i]));
    }

    private static IEnumerable<(string, ProcessStartInfo)> Parse(string model, string[] commands)
    {
        List<string> settings = [];
        foreach (string word in commands)
        {
            if (word.Contains('=', StringComparison.Ordinal))
            {
                settings.Add(word);
                continue;
            }
            // Sixteen tokens: the process still lives when its memory is read.
            ProcessStartInfo start = new(word, ["run", Prompt, "--model", model, "--max-tokens", "16", "--temp", "0"]) { RedirectStandardOutput = true,
                RedirectStandardError = true };
            foreach (string[] setting in settings.Select(setting => setting.Split('=', 2)))
                start.Environment[setting[0]] = setting[1];
            yield return (string.Join(' ', [.. settings, word]), start);
            settings.Clear();
        }
    }

    private static StartSample Run(ProcessStartInfo start)
    {
        long from = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        byte[] text = new byte[4096];
        Stream output = process.StandardOutput.BaseStream;
        // The prompt is printed with the first token.
        for (int length = 0; length <= Prompt.Length;)
        {
            int read = output.Read(text, length, text.Length - length);
            if (read == 0)
                throw new InvalidOperationException($"{start.FileName} ended before its first token: {process.StandardError.ReadToEnd()}");
            length += read;
        }
        double first = Stopwatch.GetElapsedTime(from).TotalMilliseconds;
        StartSample sample = StartSample.Of(process.Id, null, first);
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return sample;
    }
}
