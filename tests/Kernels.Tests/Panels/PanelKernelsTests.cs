using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Panels;

/// <summary>Every kernel set of the table and every panel format against the scalar kernels: the same bits from the same operands.</summary>
public class PanelKernelsTests
{
    // Beyond 1024 columns the kernels for several tokens decode panels in more than one run, those of four panels beyond 512, those of split tokens beyond
    // 256.
    private const int RunColumns = ExpandedPanels.MaxColumns, WideColumns = RunColumns / 2,
        SignMagnitudeColumns = SignMagnitudeTokens.RunBlocks * QuantizedActivations.BlockColumns;

    private static readonly KernelSet Reference = KernelSet.Select("Scalar");

    public static TheoryData<string, GgmlType> KernelsAndFormats
    {
        get
        {
            TheoryData<string, GgmlType> all = [];
            foreach (KernelSet kernels in KernelSet.Available.Where(kernels => kernels != Reference))
            {
                foreach (PanelFormat format in PanelFormat.All)
                    all.Add(kernels.Name, format.Block.Type);
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(KernelsAndFormats))]
    public void Any_operands_give_the_bits_of_the_scalar_kernels(string name, GgmlType type)
    {
        KernelSet kernels = KernelSet.Select(name);
        PanelFormat format = PanelFormat.Find(type)!;
        Prop.ForAll(Samples(format.Block.BlockSize), sample =>
        {
            using PanelOperands operands = new(format, sample.Rows, sample.Columns, sample.Tokens, sample.Offset, sample.Kind, sample.Seed);
            Bits.AssertSame(operands.Products(Reference.Panels), operands.Products(kernels.Panels), $"{name}, {format.Block.Name}, {sample}");
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [MemberData(nameof(KernelsAndFormats))]
    public void Both_sides_of_every_border_give_the_bits_of_the_scalar_kernels(string name, GgmlType type)
    {
        KernelSet kernels = KernelSet.Select(name);
        PanelFormat format = PanelFormat.Find(type)!;
        int block = format.Block.BlockSize;
        int[] columns = [0, block, 2 * block, SignMagnitudeColumns - block, SignMagnitudeColumns, SignMagnitudeColumns + block, WideColumns,
            WideColumns + block, RunColumns - block, RunColumns,
            RunColumns + block, 2 * RunColumns, 2 * RunColumns + block];
        foreach ((int Rows, int Columns, int Tokens, BlockKind Kind) sample in
            from width in columns.Distinct()
            from rows in width == SignMagnitudeColumns + block ? [0, 1, 8, 9, 17, 57, 64, 73] : new[] { 0, 1, 8, 9, 17 }
            from tokens in new[] { 1, 2, 4, 5, 6, 7 }
            select (rows, width, tokens, rows == 9 ? BlockKind.Extreme : BlockKind.Ordinary))
        {
            using PanelOperands operands = new(format, sample.Rows, sample.Columns, sample.Tokens, 0, sample.Kind, sample.Columns);
            Bits.AssertSame(operands.Products(Reference.Panels), operands.Products(kernels.Panels), $"{name}, {format.Block.Name}, {sample}");
        }
    }

    [Fact]
    public void Only_emulations_of_another_machine_stand_behind_the_scalar_kernels_and_names_are_unique()
    {
        Assert.Equal(["Scalar", "EmulatedNeonDot", "EmulatedNeon"],
            KernelSet.Available.SkipWhile(kernels => kernels != Reference).Select(kernels => kernels.Name));
        Assert.Equal(KernelSet.Available.Count, KernelSet.Available.Select(kernels => kernels.Name).Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    private static Arbitrary<Sample> Samples(int block) =>
        (from rows in Gen.Frequency((9, Gen.Choose(0, 41)), (1, Gen.Choose(42, 140)))
         from blocks in Gen.Frequency((8, Gen.Choose(0, Math.Max(4, 300 / block))), (1, Gen.Choose(1, 2 * RunColumns / block + 2)))
         from tokens in Gen.Choose(1, 9)
         from offset in Gen.Choose(0, 31)
         from kind in Gen.Elements(Enum.GetValues<BlockKind>())
         from seed in Gen.Choose(0, int.MaxValue)
         select new Sample(rows, blocks * block, tokens, offset, kind, seed)).ToArbitrary();

    private sealed record Sample(int Rows, int Columns, int Tokens, int Offset, BlockKind Kind, int Seed);
}
