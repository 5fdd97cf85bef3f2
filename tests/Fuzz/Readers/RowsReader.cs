using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Fuzz.Readers;

/// <summary>Row files beside a model. Damage that no checksum is made to fit must not be taken for rows.</summary>
internal sealed class RowsReader : Reader
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<RowType, float[]> _expected = [];

    public RowsReader()
    {
        foreach (RowType type in Enum.GetValues<RowType>())
        {
            TinyModels.MeKi(_folder.FullName, type);
            using MeKiModel model = Load();
            _expected[type] = Walk.Tokens(model);
        }
    }

    public override string Name => "rows";

    // The last byte, which is no part of the file, says whether checksums were made to fit.
    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = BytesMutation.Mutate(input[..^1], other[..^1], random);
        bool fits = input[^1] == 1 || random.Next(2) == 0;
        if (fits && changed.Length >= RowFileLayout.HeaderBytes)
            BitConverter.GetBytes(Crc32C.Of(changed.AsSpan(0, RowFileLayout.HeaderBytes - 4))).CopyTo(changed, RowFileLayout.HeaderBytes - 4);
        return [.. changed, (byte)(fits ? 1 : 0)];
    }

    public override void Read(byte[] input, Random random)
    {
        if (input.Length < 2)
            return;
        _folder.Add("model.rows", input.AsSpan(0, input.Length - 1));
        using MeKiModel model = Load(random.Next(2) == 0);
        float[] logits = Walk.Tokens(model);
        if (input[^1] == 1)
            return;
        // The check of a group goes on behind its first use; damage that it finds is told when one asks for a row of the group later.
        if (RowFileCheck.Run(_folder["model.rows"]).Count == 0)
            Require(_expected.Values.Any(expected => logits.AsSpan().SequenceEqual(expected)), "rows were damaged and are taken for sound");
    }

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound()
    {
        using TemporaryFolder folder = new();
        foreach (RowType type in Enum.GetValues<RowType>())
            yield return [.. File.ReadAllBytes(TinyModels.MeKi(folder.FullName, type).RowsPath!), 0];
    }

    private MeKiModel Load(bool mapped = false) =>
        MeKiModel.Load(_folder.FullName, new() { Threads = 1, Rows = new() { CacheBytes = 1 << 16, MemoryMapped = mapped } });
}
