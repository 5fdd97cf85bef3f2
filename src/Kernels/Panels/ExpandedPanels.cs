using MeKi.Kernels.Allocation;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Room for a run of columns of two panels, or of eight in a quarter of the columns (<see cref="SignMagnitudeTile{TVector}"/>), with codes as bytes and scales
/// as floats or all as floats; a thread's own.
/// </summary>
internal sealed unsafe class ExpandedPanels
{
    /// <summary>Columns of a run of two panels: their 16 KB of codes stay in a first-level cache of 32 KB beside the tokens that stream past.</summary>
    public const int MaxColumns = 1024;

    /// <summary>Columns of a run of floats: as many bytes.</summary>
    public const int MaxFloatColumns = MaxColumns / sizeof(float);

    private const int Groups = MaxColumns / QuantizedActivations.BlockColumns;
    private const int Alignment = 64;

    [ThreadStatic]
    private static ExpandedPanels? t_own;

    private const int CodeBytes = 16 * MaxColumns, ScaleFloats = 16 * Groups, ExtraFloats = 32 * Groups;

    private readonly byte[] _memory;
    private readonly PinnedFloats _oddSums = new();

    private ExpandedPanels()
    {
        _memory = GC.AllocateUninitializedArray<byte>(CodeBytes + sizeof(float) * (ScaleFloats + ExtraFloats) + Alignment, pinned: true);
        // The array is pinned.
        fixed (byte* first = _memory)
            Codes = first + (-(nint)first & (Alignment - 1));
        Scales = (float*)(Codes + CodeBytes);
        Extras = Scales + ScaleFloats;
        SecondHalf = new(this);
    }

    private ExpandedPanels(ExpandedPanels whole)
    {
        _memory = whole._memory;
        Codes = whole.Codes + CodeBytes / 2;
        Scales = whole.Scales + ScaleFloats / 2;
        Extras = whole.Extras + ExtraFloats / 2;
        SecondHalf = this;
    }

    /// <summary>The thread's own.</summary>
    public static ExpandedPanels OfThread => t_own ??= new();

    /// <summary>Where a second pair of panels goes, when both take half of the columns.</summary>
    public ExpandedPanels SecondHalf { get; }

    /// <summary>[group of 32 columns][8 chunks][2 panels][8 rows × 4 columns], or with eight panels.</summary>
    public byte* Codes { get; }

    /// <summary>[group][2 or 8 panels][8 rows].</summary>
    public float* Scales { get; }

    /// <summary>Minima, [group][2 panels][8 rows], or sub-scales, [group][2 halves][2 panels][8 rows].</summary>
    public float* Extras { get; }

    /// <summary>Panels of floats, in the place of <see cref="Codes"/>: [column][2 panels][8 rows].</summary>
    public float* Floats => (float*)Codes;

    /// <summary>Sums of the odd columns, while <see cref="Floats"/> are multiplied.</summary>
    public float* OddSums(int length) => _oddSums.Reserve(length);
}
