using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MeKi.Kernels;
using MeKi.Kernels.Allocation;
using MeKi.Model.Layers;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>What an adapter adds to a matrix, as products are computed from it.</summary>
internal sealed record LowRank(PackedFactor A, PackedFactor B, float Scale);

/// <summary>A factor in panels, which adapters may share: it goes when the last of them does.</summary>
internal sealed class PackedFactor(PanelMatrix panels, ArenaPiece memory)
{
    public PanelMatrix Panels => panels;

    public long Bytes => memory.Length;

    /// <summary>Adapters that use it.</summary>
    public int Users { get; set; }

    public void Free() => memory.Dispose();
}

/// <summary>
/// An adapter in memory. A is in the precision of the matrix that it stands beside: Q8_0 where that is in blocks, whose inputs are in 8-bit blocks already,
/// else as it was stored. B is in floats. The library's lock guards what changes.
/// </summary>
internal sealed class PackedAdapter
{
    private readonly LowRank?[] _pairs;
    private byte[]? _identity;

    private PackedAdapter(LowRank?[] pairs) => _pairs = pairs;

    /// <summary>What tells it from every other.</summary>
    public required string Key { get; init; }

    /// <summary>Sessions and generations that use it.</summary>
    public int Pins { get; set; }

    /// <summary>When it was asked for last.</summary>
    public long LastUse { get; set; }

    /// <summary>What it adds to a matrix; null for nothing.</summary>
    public LowRank? Of(Linear linear) => _pairs[linear.Id];

    /// <summary>Its factors.</summary>
    public IEnumerable<PackedFactor> Factors => _pairs.OfType<LowRank>().SelectMany(pair => new[] { pair.A, pair.B }).Distinct();

    /// <summary>SHA-256 over what it computes with. It must be in memory.</summary>
    public byte[] Identity => _identity ??= Hash();

    /// <summary>Packs an adapter's factors.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="key">What tells it from every other.</param>
    /// <param name="weights">The model's.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="pool">Packs.</param>
    /// <param name="shared">Factors of the same file that are in memory, by name, and where those are put that several adapters share; null where none are
    /// shared.</param>
    /// <exception cref="ModelFileException">A value is not finite.</exception>
    public static PackedAdapter Pack(
        LoraAdapter adapter, string key, ModelWeights weights, ModelConfig config, ComputePool pool,
        Dictionary<(string Name, bool IsCodes), PackedFactor>? shared)
    {
        LowRank?[] pairs = new LowRank?[Linear.Ids(config.Layers)];
        Dictionary<(LoraFactor Factor, bool IsCodes), PackedFactor> known = [];
        List<(LoraFactor From, PanelMatrix To)> work = [];
        List<PackedFactor> fresh = [];
        Arena arena = new(adapter.ByteLength, hugePages: true);
        try
        {
            foreach ((LoraTarget target, LoraPair pair) in adapter.Pairs)
            {
                // Of a layer that computes without the matrix, the checkpoint may have it all the same.
                if (weights.Find(target) is not { } linear)
                    continue;
                pairs[linear.Id] = new(Packed(pair.A, linear.Weight.TakesCodes), Packed(pair.B, isCodes: false), pair.Scale);
            }
            pool.Run(new Packing(work), work.Count, chunk: 1);
        }
        catch
        {
            foreach (PackedFactor factor in fresh)
                factor.Free();
            throw;
        }
        PackedAdapter packed = new(pairs) { Key = key };
        foreach (PackedFactor factor in packed.Factors)
            factor.Users++;
        if (shared is not null)
        {
            foreach (((LoraFactor factor, bool isCodes), PackedFactor held) in known)
                shared.TryAdd((factor.Name, isCodes), held);
        }
        return packed;

        PackedFactor Packed(LoraFactor factor, bool isCodes)
        {
            if (known.TryGetValue((factor, isCodes), out PackedFactor? held))
                return held;
            if (shared?.TryGetValue((factor.Name, isCodes), out held) == true)
                return known[(factor, isCodes)] = held;
            PanelFormat format = isCodes ? PanelFormat.Find(GgmlType.Q8_0)!
                : factor.Format.BlockSize == 1 ? PanelFormat.Find(factor.Format.Type)! : PanelFormat.Find(GgmlType.F16)!;
            ArenaPiece memory = (shared is null ? arena : new(0, hugePages: false)).Allocate(format.PanelsBytes(factor.Rows, factor.Columns));
            PanelMatrix panels;
            unsafe
            {
                panels = new(format, factor.Rows, factor.Columns, memory.Address);
            }
            held = new(panels, memory);
            fresh.Add(held);
            work.Add((factor, panels));
            return known[(factor, isCodes)] = held;
        }
    }

    private byte[] Hash()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int id = 0; id < _pairs.Length; id++)
        {
            if (_pairs[id] is not { } pair)
                continue;
            float scale = pair.Scale;
            hash.AppendData(BitConverter.GetBytes(id));
            hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in scale)));
            foreach (PanelMatrix panels in new[] { pair.A.Panels, pair.B.Panels })
            {
                hash.AppendData(BitConverter.GetBytes((int)panels.Format.Block.Type));
                hash.AppendData(BitConverter.GetBytes(panels.Rows));
                unsafe
                {
                    hash.AppendData(new ReadOnlySpan<byte>(panels.Panel(0), checked((int)(panels.Panels * panels.PanelBytes))));
                }
            }
        }
        return hash.GetHashAndReset();
    }

    /// <summary>Packs factors; an item is a factor.</summary>
    private sealed class Packing(List<(LoraFactor From, PanelMatrix To)> work) : Region
    {
        public override unsafe void Execute(int begin, int end)
        {
            for (int item = begin; item < end; item++)
            {
                (LoraFactor from, PanelMatrix to) = work[item];
                int rowBytes = (int)to.RowBytes;
                float[] values = new float[from.Columns];
                byte[] eight = new byte[to.PanelBytes];
                bool sameBlocks = from.Format == to.Format.Block;
                for (int panel = 0; panel < to.Panels; panel++)
                {
                    int first = panel * PanelFormat.Rows, present = Math.Min(PanelFormat.Rows, from.Rows - first);
                    for (int r = 0; r < present; r++)
                    {
                        Span<byte> row = eight.AsSpan(r * rowBytes, rowBytes);
                        // Decoded in either case: a value that is no number is refused.
                        from.DecodeRow(first + r, values);
                        if (sameBlocks)
                            from.Row(first + r).CopyTo(row);
                        else
                            to.Format.Block.Encode(values, row);
                    }
                    eight.AsSpan(present * rowBytes).Clear();
                    to.Format.PackRows(eight, new(to.Panel(panel), eight.Length));
                }
            }
        }
    }
}
