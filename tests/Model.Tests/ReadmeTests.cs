using System.Reflection;
using MeKi.Tests;

namespace MeKi.Model.Tests;

/// <summary>The README's program stands there as in tests/Readme, an otherwise empty console project, and it runs.</summary>
[Collection(ProcessWide)]
public class ReadmeTests
{
    private const string ProcessWide = "changes the current folder";

    private static readonly string Repository = SharedMaterial.Repository;

    [Fact]
    public void The_program_in_the_readme_runs()
    {
        string folder = Directory.GetCurrentDirectory();
        TextWriter console = Console.Out;
        using StringWriter written = new();
        try
        {
            Directory.SetCurrentDirectory(Repository);
            Console.SetOut(written);
            Assembly.Load("MeKi.Readme").EntryPoint!.Invoke(null, [Array.Empty<string>()]);
        }
        finally
        {
            Console.SetOut(console);
            Directory.SetCurrentDirectory(folder);
        }
        Assert.StartsWith(", by the world, the king's name,", written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.convenience")]
    public void The_readme_shows_a_program_that_compiles_in_an_empty_project()
    {
        string readme = File.ReadAllText(Path.Combine(Repository, "README.md"));
        const string Begin = "```csharp\n";
        int from = readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        string shown = readme[from..readme.IndexOf("```", from, StringComparison.Ordinal)];
        Assert.Equal(File.ReadAllText(Path.Combine(Repository, "tests", "Readme", "Program.cs")), shown);
        // The compiler must have seen nothing else.
        Assert.Equal(["Directory.Build.props", "MeKi.Readme.csproj", "Program.cs"],
            Directory.GetFiles(Path.Combine(Repository, "tests", "Readme")).Select(Path.GetFileName).Order());
    }
}

/// <summary>Tests that change the current folder and the console run when no other test does.</summary>
[CollectionDefinition("changes the current folder", DisableParallelization = true)]
public class ProcessWideTests;
