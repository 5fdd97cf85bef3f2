using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Arm;
using MeKi.Kernels.KeyValues;
using MeKi.Kernels.Rows;
using MeKi.Kernels.Scalar;
using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The panel products of one instruction set. <see cref="Available"/> lists those this process can execute, the fastest first; products use the first.
/// </summary>
internal abstract unsafe class PanelKernels
{
    private static PanelKernels? s_selected;

    [ThreadStatic]
    private static PanelKernels? t_forced;

    /// <summary>Dot products, each of 32 products in eight lanes, of one step of <see cref="DotProducts"/>.</summary>
    public const int DotProductsOfStep = 8;

    /// <summary>How far ahead a product by one token asks for its panel.</summary>
    // A core's reads of memory that are under way at once are 80 to 100 ns of latency at 15 to 20 GB/s, 1.5 KB. From memory in huge pages 3 KB read 3 % faster,
    // in a model of Q8_0 6 % slower, 1 KB 2 %, 0.6 KB 5 %, none at all 13 %.
    public const int PrefetchBytes = 1536;

    /// <summary>Neighbouring panels of a call of <see cref="MultiplyTiles"/>, at most.</summary>
    public const int MostTilePanels = 8;

    /// <summary>Tokens that tiles add up sums for: up to five more than there are, so that a multiple of four and one of six fit.</summary>
    public static int PaddedTokens(int tokens) => checked(tokens + 5);

    /// <summary>The name, as <see cref="KernelSelection.Variable"/> takes it.</summary>
    public abstract string Name { get; }

    /// <summary>The fuse of the same instruction set.</summary>
    public required FusionKernels Fusion { get; init; }

    /// <summary>
    /// Every kernel set this process can execute, the fastest first; emulations of other machines' instructions and the scalar reference come last.
    /// </summary>
    public static IReadOnlyList<PanelKernels> Available { get; } = List();

    /// <summary>The set that products use.</summary>
    /// <exception cref="KernelSelectionException"><see cref="KernelSelection.Variable"/> names none that this process can execute.</exception>
    // Not an initializer: its exception would reach the caller wrapped, and every later one as "the type initializer threw".
    public static PanelKernels Selected => t_forced ?? (s_selected ??= Select(Environment.GetEnvironmentVariable(KernelSelection.Variable)));

    /// <summary>Attention's arithmetic in the same instruction set.</summary>
    public abstract AttentionKernels Attention { get; }

    /// <summary>Panels by one token.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="first">First panel.</param>
    /// <param name="count">Panels.</param>
    /// <param name="x">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [columns], for formats of floats.</param>
    /// <param name="y">Receives [8 · count].</param>
    public abstract void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y);

    /// <summary>Whether <see cref="MultiplyTiles"/> wants tokens split for this matrix (<see cref="QuantizedActivations.Split"/>).</summary>
    public virtual bool SplitsTokens(PanelMatrix weight) => false;

    /// <summary>Neighbouring panels that <see cref="MultiplyTiles"/> takes at once.</summary>
    public int TilePanels(PanelMatrix weight) => SplitsTokens(weight) ? MostTilePanels : MostTilePanels / 2;

    /// <summary><see cref="TilePanels"/> neighbouring panels, or those there are to the last, by several tokens.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="panel">The first of them.</param>
    /// <param name="tokens">Quantised activations, for formats of integer codes.</param>
    /// <param name="floats">The activations, [tokens up to a multiple of 6 × columns], for formats of floats.</param>
    /// <param name="sums">Room for [<see cref="PaddedTokens"/> × <see cref="TileOutput.Width"/>].</param>
    /// <param name="output">Receives the results.</param>
    public abstract void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output);

    /// <summary>Dot products of signed bytes and nothing else: what the machine can do at most.</summary>
    /// <param name="steps">How many steps.</param>
    /// <returns>A sum of the results, so that they are computed.</returns>
    public abstract int DotProducts(int steps);

    /// <summary>Makes something on another set than this process uses; what it makes takes its kernels on this thread. For tests that compare sets.</summary>
    internal static T With<T>(PanelKernels kernels, Func<T> make)
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
    internal static PanelKernels Select(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return Available[0];
        return Available.FirstOrDefault(kernels => kernels.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw new KernelSelectionException(name);
    }

    private static List<PanelKernels> List()
    {
        List<PanelKernels> all = [];
        Add<Avx2Vector<VnniDot<HardwareVnni>>>("AvxVnni");
        Add<Avx2Vector<MultiplyAddAdjacentDot>>("Avx2");
        // After them: no machine that executes it was there to measure on.
        if (Avx2Vector<MultiplyAddAdjacentDot>.IsSupported)
            all.Add(New<Avx2Vector<MultiplyAddAdjacentDot>, Avx512Vector>(Avx512BW.IsSupported ? "Avx512" : "EmulatedAvx512"));
        Add<NeonVector<HardwareNeon, DotProductDot>>("NeonDot");
        Add<NeonVector<HardwareNeon, MultiplyWideningDot>>("Neon");
        Add<Avx2Vector<VnniDot<EmulatedVnni>>>("EmulatedAvxVnni");
        all.Add(new ScalarPanelKernels { Fusion = new ScalarFusionKernels() });
        // Instruction by instruction, slower than scalar code: there to test what runs on ARM64.
        Add<NeonVector<EmulatedNeon, DotProductDot>>("EmulatedNeonDot");
        Add<NeonVector<EmulatedNeon, MultiplyWideningDot>>("EmulatedNeon");
        return all;

        void Add<TVector>(string name)
            where TVector : struct, IPanelVector<TVector>
        {
            if (TVector.IsSupported)
                all.Add(New<TVector, TwoVectors<TVector>>(name));
        }

        static VectorPanelKernels<TVector, TWide> New<TVector, TWide>(string name)
            where TVector : struct, IPanelVector<TVector>
            where TWide : struct, IWideVector<TWide> => new(name) { Fusion = new VectorFusionKernels<TVector>() };
    }
}
