using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Guard;

/// <summary>
/// Every kernel set with operands that end, or begin, at a page that nobody may touch: it reads and writes nothing beside them, and gives the bits of the
/// scalar kernels. Whoever touches the page ends the test process.
/// </summary>
public unsafe class GuardedKernelTests
{
    private const int Block = QuantizedActivations.BlockColumns;

    private static readonly KernelSet Reference = KernelSet.Select("Scalar");

    public static TheoryData<string, Border> KernelsAndBorders
    {
        get
        {
            TheoryData<string, Border> all = [];
            foreach (KernelSet kernels in KernelSet.Available)
            {
                all.Add(kernels.Name, Border.Before);
                all.Add(kernels.Name, Border.Behind);
            }
            return all;
        }
    }

    [GuardTheory]
    [MemberData(nameof(KernelsAndBorders))]
    public void A_product_with_one_token_touches_its_operands_only(string name, Border border)
    {
        foreach ((PanelFormat format, int rows, int columns) in Shapes(name))
        {
            using GuardedProduct product = new(format, rows, columns, tokens: 1, border);
            Bits.AssertSame(product.OfOne(Reference.Panels), product.OfOne(KernelSet.Select(name).Panels), $"{name}, {format.Block.Name}, {rows} × {columns}");
        }
    }

    [GuardTheory]
    [MemberData(nameof(KernelsAndBorders))]
    public void A_product_with_several_tokens_touches_its_operands_only(string name, Border border)
    {
        foreach ((PanelFormat format, int rows, int columns) in Shapes(name))
        {
            foreach (int tokens in new[] { 2, 7 })
            {
                using GuardedProduct product = new(format, rows, columns, tokens, border);
                Bits.AssertSame(product.OfSeveral(Reference.Panels), product.OfSeveral(KernelSet.Select(name).Panels),
                    $"{name}, {format.Block.Name}, {rows} × {columns}, {tokens} tokens");
            }
        }
    }

    [GuardTheory]
    [MemberData(nameof(KernelsAndBorders))]
    public void Attention_touches_a_heads_page_its_scores_and_its_sums_only(string name, Border border)
    {
        AttentionKernels kernels = KernelSet.Select(name).Attention;
        foreach (KvFormat keys in Enum.GetValues<KvFormat>())
        {
            foreach ((KvFormat values, int dimension, int rows) in
                from values in Enum.GetValues<KvFormat>() from dimension in new[] { 2, 80 } from rows in new[] { 1, 3, 9 } select (values,
                    dimension, rows))
            {
                KvLayout layout = new(1, dimension, keys, values);
                int padded = AttentionKernels.PaddedRows(rows);
                Random random = new(rows + dimension);
                using GuardedMemory keyBytes = new(layout.KeyBytes, border), valueBytes = new(layout.HeadBytes - layout.KeyBytes, border);
                using GuardedMemory scores = new(sizeof(float) * padded * KvPage.Positions, border), sums = new(sizeof(float) * padded * layout.Columns,
                    border);
                Fill(layout, keyBytes, valueBytes, random);
                AttentionQueries queries = new();
                queries.Reserve(layout, padded, 0.1f);
                for (int row = 0; row < padded; row++)
                    queries.Set(0, row, [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)]);
                float[] expected = Attend(Reference.Attention), actual = Attend(kernels);
                Bits.AssertSame(expected, actual, $"{name}, {keys}, {values}, {dimension}, {rows}");

                float[] Attend(AttentionKernels of)
                {
                    scores.Values.Clear();
                    sums.Values.Clear();
                    of.Score(layout, keyBytes.Address, 0, KvPage.Positions, queries, 0, 0, rows, scores.Floats);
                    for (int row = 0; row < padded; row++)
                        of.Weigh(scores.Floats + row * KvPage.Positions, 0, KvPage.Positions, 0, KvPage.Positions - row, out _, out _);
                    of.Sum(layout, valueBytes.Address, 0, KvPage.Positions, scores.Floats, rows, sums.Floats, layout.Columns);
                    return sums.Values[..(rows * layout.Columns)].ToArray();
                }
            }
        }
    }

    [GuardTheory]
    [MemberData(nameof(KernelsAndBorders))]
    public void The_fuse_touches_its_row_gate_and_result_only(string name, Border border)
    {
        KernelSet kernels = KernelSet.Select(name);
        foreach (RowType type in Enum.GetValues<RowType>())
        {
            for (int columns = 1; columns < 100; columns += columns < 34 ? 1 : 15)
            {
                Random random = new(columns);
                float[] row = [.. Enumerable.Range(0, columns).Select(_ => random.NextSingle() * 6 - 3)];
                using GuardedMemory values = new(StoredRow.RowBytes(type, columns), border), scales = new(StoredRow.ScaleBytes(type, columns), border);
                using GuardedMemory gate = GuardedMemory.Of<float>(row, border), result = new(sizeof(float) * columns, border);
                StoredRow.Encode(type, row, values.Bytes, scales.Bytes);
                StoredRow stored = new(type, values.Bytes, scales.Bytes);
                foreach (Fusion fusion in Enum.GetValues<Fusion>())
                {
                    float[] expected = new float[columns];
                    Reference.Fusion.Fuse(stored, fusion, gate.Values, expected);
                    kernels.Fusion.Fuse(stored, fusion, gate.Values, result.Values);
                    Bits.AssertSame(expected, result.Values, $"{name}, {type}, {fusion}, {columns}");
                }
            }
        }
    }

    [GuardTheory]
    [InlineData(Border.Before)]
    [InlineData(Border.Behind)]
    public void Blocks_panels_and_norms_touch_their_operands_only(Border border)
    {
        foreach (BlockFormat format in BlockFormat.All)
        {
            foreach (int blocks in new[] { 1, 2, 3, 5 })
            {
                Random random = new(blocks);
                int columns = blocks * format.BlockSize;
                using GuardedMemory values = GuardedMemory.Of<float>([.. Enumerable.Range(0, columns).Select(_ => random.NextSingle() - 0.5f)], border);
                using GuardedMemory encoded = new(format.RowBytes(columns), border), decoded = new(sizeof(float) * columns, border);
                format.Encode(values.Values, encoded.Bytes);
                format.Decode(encoded.Bytes, decoded.Values);
                using GuardedMemory weight = GuardedMemory.Of<float>(values.Values, border);
                RmsNorm.Normalize(values.Values, weight.Values, 1e-6f, decoded.Values);
                Assert.True(float.IsFinite(decoded.Values[^1]), format.Name);
            }
        }
    }

    // All formats with rows and columns on both sides of what kernels take at once; fewer on instructions that are emulated.
    private static IEnumerable<(PanelFormat Format, int Rows, int Columns)> Shapes(string name)
    {
        bool emulated = name.StartsWith("Emulated", StringComparison.Ordinal);
        foreach (PanelFormat format in PanelFormat.All)
        {
            int block = format.Block.BlockSize, run = ExpandedPanels.MaxColumns;
            foreach (int rows in emulated ? [1, 17] : new[] { 1, 17, 72 })
            {
                foreach (int columns in emulated ? [block, 3 * block] : new[] { block, 3 * block, run + block }.Distinct())
                    yield return (format, rows, columns);
            }
        }
    }

    private static void Fill(KvLayout layout, GuardedMemory keys, GuardedMemory values, Random random)
    {
        (KvStorage forKeys, KvStorage forValues) = (KvStorage.Of(layout.Keys), KvStorage.Of(layout.Values));
        float[] x = new float[KvLayout.BlockColumns];
        for (int position = 0; position < KvPage.Positions; position++)
        {
            for (int block = 0; block < layout.Blocks; block++)
            {
                foreach (ref float value in x.AsSpan())
                    value = random.NextSingle() - 0.5f;
                forKeys.StoreKey(keys.Address, layout.Blocks, position, block, x);
                forValues.StoreValue(values.Address, position, block, x);
            }
        }
    }
}

/// <summary>A theory about pages of the system; skipped where there is no <c>mmap</c> as on Linux.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GuardTheoryAttribute : TheoryAttribute
{
    public GuardTheoryAttribute()
    {
        if (!GuardedMemory.IsAvailable)
            Skip = "needs mmap and mprotect of Linux";
    }
}
