using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeKi.Kernels.X86;

/// <summary>
/// Plain AVX2. VPMADDUBSW adds two products in 16 bits: codes below 16 leave 2 · 15 · 127 = 3,810, so eight dot products fit below 32,768; codes below 32 four,
/// codes around zero as many as those one bit shorter, because a sum that ends within 16 bits may leave them on its way. Signed codes go in as |w| against x
/// with w's sign: 2 · 128 · 127 = 32,512 fits once. VPMADDWD by ones widens, by sub-scales it multiplies as well.
/// </summary>
/// <remarks>
/// VPSIGNB, which gives x the sign of w, is executed where the multiplications are. With several tokens the magnitudes are x's, and VPXOR with −1 where x is
/// negative, on any of four pipes of Zen 3, gives w its sign:
/// <c>|x| · (w ^ −1) = −|x| · w − |x|</c>. What is missing is the same for every w (<see cref="Panels.SignMagnitudeTokens"/>); 2 · 127 · −128 = −32,512 fits.
/// </remarks>
internal readonly unsafe struct MultiplyAddAdjacentDot : IByteDot
{
    public static bool IsSupported => Avx2.IsSupported;

    public static int SignedOffsetShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotsPerSum(int codeBits) => 128 >> codeBits;

    public static int UpperNibbleShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> UpperNibbles(Vector256<byte> bytes) => (bytes.AsUInt16() >>> 4).AsByte() & Vector256.Create((byte)0x0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Start(Vector256<int> packed) => packed;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> partial, Vector256<byte> codes, Vector256<sbyte> x) =>
        (partial.AsInt16() + Avx2.MultiplyAddAdjacent(codes, x)).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddPartial(Vector256<int> a, Vector256<int> b) => (a.AsInt16() + b.AsInt16()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Widen(Vector256<int> partial) => Avx2.MultiplyAddAdjacent(partial.AsInt16(), Vector256<short>.One);

    // In both halves of a lane.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SubScales(Vector256<int> scales) =>
        Avx2.Shuffle(scales.AsByte(), Vector256.Create(0x0504050401000100, 0x0D0C0D0C09080908, 0x0504050401000100, 0x0D0C0D0C09080908).AsByte()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Scale(Vector256<int> partial, Vector256<int> subScales) => Avx2.MultiplyAddAdjacent(partial.AsInt16(), subScales.AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Magnitudes(Vector256<byte> codes) => Avx2.Abs(codes.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddSigned(Vector256<int> sums, Vector256<byte> codes, Vector256<byte> magnitudes, Vector256<sbyte> x) =>
        sums + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(magnitudes, Avx2.Sign(x, codes.AsSByte())), Vector256<short>.One);

    public static bool TakesSignMagnitudes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddSignMagnitude(Vector256<int> sums, sbyte* codes, Vector256<byte> magnitudes, Vector256<sbyte> signs) =>
        sums + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(magnitudes, signs ^ Vector256.Load(codes)), Vector256<short>.One);
}
