using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Tests;

/// <summary>Choosing a kernel set by name.</summary>
public class KernelSelectionTests
{
    [Fact]
    public void No_name_takes_the_fastest_and_a_name_its_own_set_in_any_case()
    {
        Assert.Same(KernelSet.Available[0], KernelSet.Select(null));
        Assert.Same(KernelSet.Available[0], KernelSet.Select(""));
        foreach (KernelSet kernels in KernelSet.Available)
        {
            Assert.Same(kernels, KernelSet.Select(kernels.Name));
            Assert.Same(kernels, KernelSet.Select(kernels.Name.ToUpperInvariant()));
        }
        Assert.Equal(KernelSet.Available.Select(kernels => kernels.Name), KernelSelection.Names);
    }

    [Fact]
    public void An_unknown_name_is_refused_with_those_there_are()
    {
        string message = Assert.Throws<KernelSelectionException>(() => KernelSet.Select("Avx9")).Message;
        Assert.Contains($"{KernelSelection.Variable}=Avx9", message, StringComparison.Ordinal);
        Assert.All(KernelSelection.Names, name => Assert.Contains(name, message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_set_in_use_is_the_one_the_variable_names()
    {
        string? asked = Environment.GetEnvironmentVariable(KernelSelection.Variable);
        Assert.Equal(string.IsNullOrEmpty(asked) ? KernelSelection.Names[0] : asked, KernelSelection.Name, ignoreCase: true);
    }

    [Theory]
    [Trait("Fault", "18.8")]
    [InlineData("Avx2", "many times", "Scalar")]
    [InlineData("AvxVnni", "many times", "EmulatedAvxVnni", "Scalar")]
    [InlineData("AvxVnni", "somewhat", "Avx2", "Scalar")]
    [InlineData("AvxVnni", null, "AvxVnni", "Avx2", "Scalar")]
    [InlineData("Avx2", null, "Avx2", "Scalar")]
    [InlineData(null, null, "NeonDot", "Neon", "Scalar")]
    public void Kernels_that_leave_the_processors_best_unused_are_told(string? best, string? slower, params string[] names)
    {
        string? warning = KernelSelection.WarningOf(best, names);
        if (slower is null)
            Assert.Null(warning);
        else
        {
            Assert.Contains($"with the {names[0]} kernels, {slower} slower", warning, StringComparison.Ordinal);
            Assert.Contains("IlcInstructionSet", warning, StringComparison.Ordinal);
        }
    }
}
