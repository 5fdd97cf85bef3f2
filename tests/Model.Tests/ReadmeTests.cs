using MeKi.Model.Generation;
using MeKi.Tests;

namespace MeKi.Model.Tests;

/// <summary>The README's program: it stands there as it stands here, and it runs.</summary>
[Collection(ProcessWide)]
public class ReadmeTests
{
    private const string ProcessWide = "changes the current folder";

    private static readonly string Repository = SharedMaterial.Repository;

    [Fact]
    public async Task The_program_in_the_readme_runs()
    {
        string folder = Directory.GetCurrentDirectory();
        TextWriter console = Console.Out;
        using StringWriter written = new();
        try
        {
            Directory.SetCurrentDirectory(Repository);
            Console.SetOut(written);
            // README begins
            using var model = MeKiModel.Load("models/tiny-meki");
            GenerationOptions options = new() { Temperature = 0, MaxTokens = 20 };
            await foreach (string piece in model.GenerateAsync("KING RICHARD III:\nNow", options))
                Console.Write(piece);
            // README ends
        }
        finally
        {
            Console.SetOut(console);
            Directory.SetCurrentDirectory(folder);
        }
        Assert.StartsWith(", by the world, the king's name,", written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_readme_shows_that_program()
    {
        string source = File.ReadAllText(Path.Combine(Repository, "tests", "Model.Tests", "ReadmeTests.cs"));
        string body = Between(source, "// README begins\n", "// README ends");
        string shown = Between(File.ReadAllText(Path.Combine(Repository, "README.md")), "```csharp\n", "```");
        Assert.Equal(Lines(shown), Lines(body));

        static string[] Lines(string text) => [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
    }

    private static string Between(string text, string begin, string end)
    {
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}

/// <summary>Tests that change the current folder and the console run when no other test does.</summary>
[CollectionDefinition("changes the current folder", DisableParallelization = true)]
public class ProcessWideTests;
