using System.Diagnostics;
using MeKi.Tests;

namespace MeKi.Model.Tests;

/// <summary>What a project inherits that references the package. Instruction sets have no part in it: the gate's legs leave it out.</summary>
[Trait("Length", "Long")]
public sealed class InheritedSettingsTests : IDisposable
{
    private static readonly string Package = Path.Combine(SharedMaterial.Repository, "src", "Model");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [Trait("Fault", "18.8")]
    [InlineData("x86-64-v3", "PublishAot=true", "RuntimeIdentifier=linux-x64")]
    [InlineData("x86-64-v3", "PublishAot=true", "RuntimeIdentifier=win-x64")]
    [InlineData("native", "PublishAot=true", "RuntimeIdentifier=linux-x64", "IlcInstructionSet=native")]
    [InlineData("", "PublishAot=true", "RuntimeIdentifier=linux-arm64")]
    [InlineData("", "PublishAot=true")]
    [InlineData("", "RuntimeIdentifier=linux-x64")]
    public void Native_AOT_for_x64_has_AVX2_unless_the_project_says_otherwise(string expected, params string[] settings) =>
        Assert.Equal(expected, Evaluate("IlcInstructionSet", settings));

    [Theory]
    [Trait("Fault", "18.9")]
    [InlineData("false")]
    [InlineData("true", "TieredCompilationQuickJitForLoops=true")]
    public void Methods_with_loops_are_compiled_well_at_once_unless_the_project_says_otherwise(string expected, params string[] settings) =>
        Assert.Equal(expected, Evaluate("TieredCompilationQuickJitForLoops", settings));

    [Fact]
    [Trait("Fault", "18.9")]
    public void The_package_holds_the_settings()
    {
        const string Packed = "<None Include=\"buildTransitive/*\" Pack=\"true\" PackagePath=\"buildTransitive/\" />";
        Assert.Contains(Packed, File.ReadAllText(Path.Combine(Package, "MeKi.Model.csproj")), StringComparison.Ordinal);
        IEnumerable<string?> files = Directory.EnumerateFiles(Path.Combine(Package, "buildTransitive")).Select(Path.GetFileName);
        Assert.Equal(["MeKi.props", "MeKi.targets"], files.Order());
    }

    // The order in which a project sees them: the package's props, what it says itself, the package's targets.
    private string Evaluate(string property, string[] settings)
    {
        string files = Path.Combine(Package, "buildTransitive", "MeKi"), project = Path.Combine(_folder.FullName, "application.proj");
        string own = string.Concat(settings.Select(setting => setting.Split('=')).Select(pair => $"<{pair[0]}>{pair[1]}</{pair[0]}>"));
        string props = $"<Import Project=\"{files}.props\" />", targets = $"<Import Project=\"{files}.targets\" />";
        File.WriteAllText(project, $"<Project>{props}<PropertyGroup>{own}</PropertyGroup>{targets}</Project>");
        ProcessStartInfo start = new("dotnet", ["msbuild", project, "-nologo", $"-getProperty:{property}"]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string value = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return value;
    }
}
