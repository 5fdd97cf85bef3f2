using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MeKi.Kernels;
using MeKi.Kernels.Allocation;
using MeKi.Model.Architectures;
using MeKi.Model.Layers;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>What an adapter adds to a matrix, as products are computed from it.</summary>
/// <param name="A">Perhaps with the rows of others that have the same input.</param>
/// <param name="FirstColumn">Its own first row there: that of a panel.</param>
/// <param name="B">The other side.</param>
/// <param name="BytesBehind">What lies behind B in memory and is read next: the following A.</param>
/// <param name="Scale">Of the product.</param>
internal sealed record LowRank(PackedFactor A, int FirstColumn, PackedFactor B, long BytesBehind, float Scale);

/// <summary>A factor in panels, which adapters may share: it goes when the last of them does.</summary>
internal sealed class PackedFactor(PanelMatrix panels, ArenaPiece memory)
{
    public PanelMatrix Panels => panels;

    public long Bytes => memory.Length;

    /// <summary>Whether it lies behind another, in whole lines.</summary>
    public unsafe bool Follows(PackedFactor other) =>
        panels.Panel(0) - other.Panels.Panel(0) is long distance && distance >= other.Bytes && distance - other.Bytes < 64;

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
    // Matrices of a layer that are given the same.
    private static readonly Role[][] s_sameInput = [[Role.Query, Role.Key, Role.Value], [Role.Gate, Role.Up]];

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
        List<(LoraFactor From, PanelMatrix To, int FirstPanel)> work = [];
        List<PackedFactor> fresh = [];
        Arena arena = new(adapter.ByteLength, hugePages: true);
        try
        {
            // In the order of use; of a layer that computes without the matrix, the checkpoint may have it all the same.
            List<(LoraTarget Target, LoraPair Pair, Linear Linear)> used = [.. adapter.Pairs.OrderBy(each => each.Key.Layer).ThenBy(each => each.Key.Role)
                .Select(each => (each.Key, each.Value, weights.Find(each.Key)!)).Where(each => each.Item3 is not null)];
            foreach ((LoraTarget target, LoraPair pair, Linear linear) in used)
            {
                bool isCodes = linear.Weight.TakesCodes;
                LoraFactor[] together = [.. used.Where(each => shared is null
                    && each.Target.Layer == target.Layer && HaveSameInput(each.Target.Role, target.Role)
                    && each.Pair.Scale == pair.Scale && each.Linear.Weight.TakesCodes == isCodes
                    && FormatOf(each.Pair.A, isCodes) == FormatOf(pair.A, isCodes)).Select(each => each.Pair.A).Distinct()];
                if (together.Length < 2)
                    together = [pair.A];
                int first = together.TakeWhile(factor => factor != pair.A).Sum(Padded);
                pairs[linear.Id] = new(Packed(together, isCodes), first, Packed([pair.B], isCodes: false), 0, pair.Scale);
            }
            for (int i = 1; i < used.Count; i++)
            {
                LowRank before = pairs[used[i - 1].Linear.Id]!;
                PackedFactor next = pairs[used[i].Linear.Id]!.A;
                if (next.Follows(before.B))
                    pairs[used[i - 1].Linear.Id] = before with { BytesBehind = next.Bytes };
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

        // Factors one below the other, each from a panel on; they are known by the first.
        PackedFactor Packed(LoraFactor[] factors, bool isCodes)
        {
            LoraFactor factor = factors[0];
            if (known.TryGetValue((factor, isCodes), out PackedFactor? held))
                return held;
            if (shared?.TryGetValue((factor.Name, isCodes), out held) == true)
                return known[(factor, isCodes)] = held;
            PanelFormat format = FormatOf(factor, isCodes);
            int rows = factors[..^1].Sum(Padded) + factors[^1].Rows;
            ArenaPiece memory = (shared is null ? arena : new(0, hugePages: false)).Allocate(format.PanelsBytes(rows, factor.Columns));
            PanelMatrix panels;
            unsafe
            {
                panels = new(format, rows, factor.Columns, memory.Address);
            }
            held = new(panels, memory);
            fresh.Add(held);
            int panel = 0;
            foreach (LoraFactor each in factors)
            {
                work.Add((each, panels, panel));
                panel += Padded(each) / PanelFormat.Rows;
            }
            return known[(factor, isCodes)] = held;
        }
    }

    private static PanelFormat FormatOf(LoraFactor factor, bool isCodes) => isCodes ? PanelFormat.Find(GgmlType.Q8_0)!
        : factor.Format.BlockSize == 1 ? PanelFormat.Find(factor.Format.Type)! : PanelFormat.Find(GgmlType.F16)!;

    private static int Padded(LoraFactor factor) => (factor.Rows + PanelFormat.Rows - 1) / PanelFormat.Rows * PanelFormat.Rows;

    private static bool HaveSameInput(Role one, Role other) => Array.Exists(s_sameInput, roles => roles.Contains(one) && roles.Contains(other));

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
            int rank = pair.B.Panels.Columns;
            // A's own rows: what lies beside them is another's.
            foreach ((PanelMatrix panels, int rows, int first) in new[] { (pair.A.Panels, rank, pair.FirstColumn), (pair.B.Panels, pair.B.Panels.Rows, 0) })
            {
                hash.AppendData(BitConverter.GetBytes((int)panels.Format.Block.Type));
                hash.AppendData(BitConverter.GetBytes(rows));
                unsafe
                {
                    int count = (rows + PanelFormat.Rows - 1) / PanelFormat.Rows;
                    hash.AppendData(new ReadOnlySpan<byte>(panels.Panel(first / PanelFormat.Rows), checked((int)(count * panels.PanelBytes))));
                }
            }
        }
        return hash.GetHashAndReset();
    }

    /// <summary>Packs factors; an item is a factor.</summary>
    private sealed class Packing(List<(LoraFactor From, PanelMatrix To, int FirstPanel)> work) : Region
    {
        public override unsafe void Execute(int begin, int end)
        {
            for (int item = begin; item < end; item++)
            {
                (LoraFactor from, PanelMatrix to, int firstPanel) = work[item];
                int rowBytes = (int)to.RowBytes;
                float[] values = new float[from.Columns];
                byte[] eight = new byte[to.PanelBytes];
                bool sameBlocks = from.Format == to.Format.Block;
                for (int panel = 0; panel * PanelFormat.Rows < from.Rows; panel++)
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
                    to.Format.PackRows(eight, new(to.Panel(firstPanel + panel), eight.Length));
                }
            }
        }
    }
}
