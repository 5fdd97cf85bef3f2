using MeKi.Tests;
using PublicApiGenerator;

namespace MeKi.Packages.Tests;

/// <summary>What users can call is written down: a change of it is seen in a commit, and meant.</summary>
public sealed class PublicApiTests
{
    // dotnet test tests/Packages.Tests with MEKI_RECORD_API=1 writes the listings anew.
    private const string Record = "MEKI_RECORD_API";

    private static readonly string Folder = Path.Combine(SharedMaterial.Repository, "tests", "Packages.Tests", "Api");

    public static TheoryData<string> Names => [.. ShippedAssemblies.Libraries.Select(each => each.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_public_api_is_the_recorded_one(string name)
    {
        string api = ShippedAssemblies.Libraries.Single(each => each.GetName().Name == name).GeneratePublicApi(new()
        {
            IncludeAssemblyAttributes = false,
            ExcludeAttributes = ["System.Runtime.CompilerServices.NullableAttribute", "System.Runtime.CompilerServices.NullableContextAttribute"],
        }).ReplaceLineEndings("\n").TrimEnd() + "\n";
        string path = Path.Combine(Folder, $"{name}.txt");
        if (Environment.GetEnvironmentVariable(Record) is { Length: > 0 })
            File.WriteAllText(path, api);
        string[] recorded = File.ReadAllText(path).ReplaceLineEndings("\n").Split('\n'), there = api.Split('\n');
        string difference = string.Join('\n',
            recorded.Except(there).Select(line => $"- {line.Trim()}").Concat(there.Except(recorded).Select(line => $"+ {line.Trim()}")));
        Assert.True(recorded.SequenceEqual(there), $"The public API of {name} has changed. Where it is meant, run these tests with {Record}=1.\n{difference}");
    }
}
