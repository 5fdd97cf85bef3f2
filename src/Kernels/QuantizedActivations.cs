using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels;

/// <summary>
/// Activations in 8-bit blocks of 32 columns: <c>x ≈ scale · code</c>, scale = max|x| / 127, codes rounded to nearest, ties to even. With each block go the sums of its codes,
/// which correct for weights that are stored with an offset or a minimum. A block with an infinity or NaN gets the scale NaN.
/// </summary>
/// <remarks>
/// One token lies in order. Several are interleaved by fours, the last four filled with zeros, so that one 16-byte load holds the same four columns of four tokens:
/// <code>
/// codes   [group of 4 tokens][column / 4][token][4 columns]
/// others  [group of 4 tokens][block][token]
/// </code>
/// </remarks>
internal sealed unsafe class QuantizedActivations
{
    /// <summary>Columns of a block.</summary>
    public const int BlockColumns = 32;

    /// <summary>Tokens that are interleaved.</summary>
    public const int TileTokens = 4;

    // Smaller magnitudes would have a scale whose inverse overflows.
    private const float Smallest = 1e-30f;

    private sbyte[] _codes = [];
    private float[] _scales = [];
    private float[] _scaledSums = [];
    private int[] _sums = [];
    private int[] _starts = [];
    private int[] _halfStarts = [];

    /// <summary>Columns of a token.</summary>
    public int Columns { get; private set; }

    /// <summary>Tokens.</summary>
    public int Tokens { get; private set; }

    /// <summary>1 for a single token, else <see cref="TileTokens"/>.</summary>
    public int Interleave => Tokens == 1 ? 1 : TileTokens;

    /// <summary>Groups of <see cref="Interleave"/> tokens.</summary>
    public int Groups => (Tokens + Interleave - 1) / Interleave;

    /// <summary>Makes room for tokens of so many columns, a multiple of 32, and fills the last group up with zeros.</summary>
    public void Reserve(int tokens, int columns)
    {
        (Tokens, Columns) = (tokens, columns);
        int padded = Groups * Interleave, blocks = padded * (columns / BlockColumns);
        if (_codes.Length < (long)padded * columns)
            _codes = GC.AllocateUninitializedArray<sbyte>(checked(padded * columns), pinned: true);
        if (_scales.Length < blocks)
        {
            _scales = GC.AllocateUninitializedArray<float>(blocks, pinned: true);
            _scaledSums = GC.AllocateUninitializedArray<float>(blocks, pinned: true);
            _sums = GC.AllocateUninitializedArray<int>(blocks, pinned: true);
            _starts = GC.AllocateUninitializedArray<int>(blocks, pinned: true);
            _halfStarts = GC.AllocateUninitializedArray<int>(2 * blocks, pinned: true);
        }
        for (int token = tokens; token < padded; token++)
            ClearToken(token);
    }

    /// <summary>Where a group of tokens lies, from a block of columns on.</summary>
    public QuantizedGroup Group(int group, int firstBlock = 0)
    {
        nint blocks = Interleave * ((nint)group * (Columns / BlockColumns) + firstBlock);
        // The arrays are pinned.
        fixed (sbyte* codes = _codes)
        fixed (float* scales = _scales, scaledSums = _scaledSums)
        fixed (int* sums = _sums, starts = _starts, halfStarts = _halfStarts)
            return new QuantizedGroup(codes, scales, scaledSums, sums, starts, halfStarts).After(blocks);
    }

    /// <summary>Quantises a group of tokens: rows group · <see cref="Interleave"/> and following of <paramref name="x"/>.</summary>
    public void Quantize(ActivationMatrix x, int group)
    {
        QuantizedGroup to = Group(group);
        int first = group * Interleave;
        for (int t = 0; t < Interleave && first + t < Tokens; t++)
        {
            fixed (float* values = x.Row(first + t))
            {
                for (int block = 0; block < Columns / BlockColumns; block++)
                    QuantizeBlock(values + block * BlockColumns, to, t, block, Interleave);
            }
        }
    }

    /// <summary>Quantises a token's 32 columns from 32 · <paramref name="block"/> on.</summary>
    public void QuantizeBlock(int token, int block, float* x) => QuantizeBlock(x, Group(token / Interleave), token % Interleave, block, Interleave);

    // Eight vectors of four: the same on every instruction set that has 128 bits.
    private static void QuantizeBlock(float* x, in QuantizedGroup to, int t, int block, int stride)
    {
        sbyte* codes = to.Codes + (block * BlockColumns * stride) + 4 * t;
        // Floats without a sign are in the order of their bits, NaN behind infinity: one instruction, where the maximum of floats takes six on AVX2.
        Vector128<int> largest = Vector128.Abs(Vector128.Load(x)).AsInt32();
        for (int i = 4; i < BlockColumns; i += 4)
            largest = Vector128.Max(largest, Vector128.Abs(Vector128.Load(x + i)).AsInt32());
        largest = Vector128.Max(largest, Vector128.Shuffle(largest, Vector128.Create(2, 3, 0, 1)));
        float max = BitConverter.Int32BitsToSingle(Math.Max(largest[0], largest[1]));
        float scale = max < Smallest ? 0 : max < float.PositiveInfinity ? max / 127 : float.NaN;
        float inverse = scale > 0 ? 127 / max : 0;

        Vector128<int> first = QuantizeHalf(x, inverse, codes, stride), second = QuantizeHalf(x + 16, inverse, codes + 16 * stride, stride);
        // Lanes are columns modulo four.
        Vector128<int> both = first + second;
        int sum = Vector128.Sum(both);
        int at = block * stride + t;
        to.Scales[at] = scale;
        to.Sums[at] = sum;
        to.ScaledSums[at] = scale * sum;
        to.Starts[at] = Packed(-8 * both);
        int half = 2 * block * stride + t;
        to.HalfStarts[half] = Packed(-32 * first);
        to.HalfStarts[half + stride] = Packed(-32 * second);
    }

    /// <summary>Writes the codes of 16 columns.</summary>
    /// <returns>Their sums, of columns that are equal modulo four.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> QuantizeHalf(float* x, float inverse, sbyte* codes, int stride)
    {
        Vector128<int> a = Rounded(x, inverse), b = Rounded(x + 4, inverse), c = Rounded(x + 8, inverse), d = Rounded(x + 12, inverse);
        Vector128<int> fours = Vector128.NarrowWithSaturation(Vector128.NarrowWithSaturation(a, b), Vector128.NarrowWithSaturation(c, d)).AsInt32();
        *(int*)codes = fours[0];
        *(int*)(codes + 4 * stride) = fours[1];
        *(int*)(codes + 8 * stride) = fours[2];
        *(int*)(codes + 12 * stride) = fours[3];
        return a + b + (c + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Rounded(float* x, float inverse) => Vector128.ConvertToInt32Native(Vector128.Round(Vector128.Load(x) * inverse));

    // The pairs' sums fit 16 bits: 16 columns · 127 · 8, 8 columns · 127 · 32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Packed(Vector128<int> sums)
    {
        Vector128<int> pairs = sums + Vector128.Shuffle(sums, Vector128.Create(1, 0, 3, 2));
        return (ushort)pairs[0] | pairs[2] << 16;
    }

    private void ClearToken(int token)
    {
        int stride = Interleave, t = token % stride;
        QuantizedGroup to = Group(token / stride);
        for (int chunk = 0; chunk < Columns / 4; chunk++)
            *(int*)(to.Codes + (chunk * stride + t) * 4) = 0;
        for (int block = 0; block < Columns / BlockColumns; block++)
        {
            int at = block * stride + t;
            (to.Scales[at], to.ScaledSums[at], to.Sums[at], to.Starts[at]) = (0, 0, 0, 0);
            (to.HalfStarts[block * 2 * stride + t], to.HalfStarts[(block * 2 + 1) * stride + t]) = (0, 0);
        }
    }
}

/// <summary>Where the blocks of one token, or of four interleaved ones, lie.</summary>
internal readonly unsafe struct QuantizedGroup(sbyte* codes, float* scales, float* scaledSums, int* sums, int* starts, int* halfStarts)
{
    /// <summary>Codes.</summary>
    public readonly sbyte* Codes = codes;

    /// <summary>Scales.</summary>
    public readonly float* Scales = scales;

    /// <summary>Scale times the sum of the codes.</summary>
    public readonly float* ScaledSums = scaledSums;

    /// <summary>Sums of the codes.</summary>
    public readonly int* Sums = sums;

    /// <summary>
    /// −8 times the sum of the codes, what sums over weight codes around 8 start with: of columns 0 and 1 of every four in the lower 16 bits, of columns 2 and 3 in the upper.
    /// </summary>
    public readonly int* Starts = starts;

    /// <summary>Likewise −32 times those of the first and of the last 16 columns, for weight codes around 32: [block][half][token].</summary>
    public readonly int* HalfStarts = halfStarts;

    /// <summary>The blocks that follow so many.</summary>
    public QuantizedGroup After(nint blocks) =>
        new(Codes + blocks * QuantizedActivations.BlockColumns, Scales + blocks, ScaledSums + blocks, Sums + blocks, Starts + blocks, HalfStarts + 2 * blocks);
}
