namespace MeKi.Kernels;

/// <summary>Where the blocks of one token, or of four interleaved ones, lie.</summary>
internal readonly unsafe struct QuantizedGroup(sbyte* codes, float* scales, float* scaledSums, int* sums, int* centreCorrections8, int* centreCorrections32)
{
    /// <summary>Columns of a block.</summary>
    public const int BlockColumns = 32;

    /// <summary>Codes.</summary>
    public readonly sbyte* Codes = codes;

    /// <summary>Scales.</summary>
    public readonly float* Scales = scales;

    /// <summary>Scale times the sum of the codes.</summary>
    public readonly float* ScaledSums = scaledSums;

    /// <summary>Sums of the codes.</summary>
    public readonly int* Sums = sums;

    /// <summary>
    /// −8 times the sum of the codes, what sums over weight codes around 8 start with: of columns 0 and 1 of every four in the lower 16 bits, of columns 2 and
    /// 3 in the upper.
    /// </summary>
    public readonly int* CentreCorrections8 = centreCorrections8;

    /// <summary>Likewise −32 times those of the first and of the last 16 columns, for weight codes around 32: [block][half][token].</summary>
    public readonly int* CentreCorrections32 = centreCorrections32;

    /// <summary>The blocks that follow so many.</summary>
    public QuantizedGroup After(nint blocks) =>
        new(Codes + blocks * BlockColumns, Scales + blocks, ScaledSums + blocks, Sums + blocks, CentreCorrections8 + blocks,
            CentreCorrections32 + 2 * blocks);
}
