using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Arm;
using MeKi.Kernels.Attending;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Fusing;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Scalar;
using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Operations;

/// <summary>
/// The kernels of one instruction set. <see cref="Available"/> lists the sets that this process can execute, the fastest first; it is the first that computes.
/// </summary>
internal sealed class KernelSet
{
    private static KernelSet? s_selected;

    [ThreadStatic]
    private static KernelSet? t_forced;

    private KernelSet(string name, PanelKernels panels, AttentionKernels attention, FusionKernels fusion) =>
        (Name, Panels, Attention, Fusion) = (name, panels, attention, fusion);

    /// <summary>
    /// Every set that this process can execute, the fastest first; emulations of other machines' instructions and the scalar reference come last.
    /// </summary>
    public static IReadOnlyList<KernelSet> Available { get; } = List();

    /// <summary>The set in use.</summary>
    /// <exception cref="KernelSelectionException"><see cref="KernelSelection.Variable"/> names none that this process can execute.</exception>
    // Not an initializer: its exception would reach the caller wrapped, and every later one as "the type initializer threw".
    public static KernelSet Selected => t_forced ?? (s_selected ??= Select(Environment.GetEnvironmentVariable(KernelSelection.Variable)));

    /// <summary>The name, as <see cref="KernelSelection.Variable"/> takes it.</summary>
    public string Name { get; }

    public PanelKernels Panels { get; }

    public AttentionKernels Attention { get; }

    public FusionKernels Fusion { get; }

    /// <summary>Makes something on another set than this process uses; what it makes takes its kernels on this thread. For tests that compare sets.</summary>
    internal static T With<T>(KernelSet kernels, Func<T> make)
    {
        t_forced = kernels;
        try
        {
            return make();
        }
        finally
        {
            t_forced = null;
        }
    }

    /// <summary>The set of a name, whatever its case; the fastest where there is no name.</summary>
    internal static KernelSet Select(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return Available[0];
        return Available.FirstOrDefault(kernels => kernels.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw new KernelSelectionException(name);
    }

    private static List<KernelSet> List()
    {
        List<KernelSet> all = [];
        // The runtime knows the processors that slow down when they use 512 bits.
        bool wide = Vector512.IsHardwareAccelerated && Avx512BW.IsSupported;
        AddWide<VnniDot<HardwareVnni>>("AvxVnniAvx512", wide);
        Add<Avx2Vector<VnniDot<HardwareVnni>>>("AvxVnni");
        AddWide<MultiplyAddAdjacentDot>("Avx512", wide);
        Add<Avx2Vector<MultiplyAddAdjacentDot>>("Avx2");
        AddWide<MultiplyAddAdjacentDot>(Avx512BW.IsSupported ? "Avx512" : "EmulatedAvx512", !wide);
        Add<NeonVector<HardwareNeon, DotProductDot>>("NeonDot");
        Add<NeonVector<HardwareNeon, MultiplyWideningDot>>("Neon");
        Add<Avx2Vector<VnniDot<EmulatedVnni>>>("EmulatedAvxVnni");
        all.Add(new("Scalar", new(static type => WeightFormats.Of<PanelProducts, ScalarProducts.Maker>(type, default)),
            new ScalarAttentionKernels(), new ScalarFusionKernels()));
        // Instruction by instruction, slower than scalar code: there to test what runs on ARM64.
        Add<NeonVector<EmulatedNeon, DotProductDot>>("EmulatedNeonDot");
        Add<NeonVector<EmulatedNeon, MultiplyWideningDot>>("EmulatedNeon");
        return all;

        void Add<TVector>(string name)
            where TVector : struct, IPanelVector<TVector>
        {
            if (TVector.IsSupported)
                all.Add(Of<TVector, TwoVectors<TVector>>(name));
        }

        void AddWide<TDot>(string name, bool here)
            where TDot : struct, IByteDot
        {
            if (here && Avx2Vector<TDot>.IsSupported)
            {
                all.Add(new(name, new(static type => WeightFormats.Of<PanelProducts, WideProducts<Avx2Vector<TDot>, Avx512Vector,
                    Avx2Vector<MultiplyAddAdjacentDot>, Avx512Codes, Avx512Join<TDot>>>(type, default)),
                    new VectorAttentionKernels<Avx2Vector<TDot>, Avx512Vector, JoinedTile<Avx2Vector<TDot>, Avx512Codes, Avx512Join<TDot>, SignedCodes>>(),
                    new VectorFusionKernels<Avx2Vector<TDot>>()));
            }
        }

        static KernelSet Of<TVector, TWide>(string name)
            where TVector : struct, IPanelVector<TVector>
            where TWide : struct, IWideVector<TWide>
            => new(name, new(static type => WeightFormats.Of<PanelProducts, VectorProducts<TVector, TWide>>(type, default)),
                new VectorAttentionKernels<TVector, TWide, EachTile<TVector, Q8_0Codes, SignedCodes>>(), new VectorFusionKernels<TVector>());
    }
}
