using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Tests.Files;
using MeKi.Store;

namespace MeKi.Fuzz.Readers;

/// <summary>Session files. Damage that no checksum is made to fit must be refused.</summary>
internal sealed class SessionReader : Reader
{
    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model;

    public SessionReader()
    {
        TinyModels.MeKi(_folder["model"]);
        _model = MeKiModel.Load(_folder["model"], new() { Threads = 1 });
    }

    public override string Name => "session";

    // The last byte, which is no part of the file, says whether checksums were made to fit.
    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = BytesMutation.Mutate(input[..^1], other[..^1], random);
        bool fits = input[^1] == 1 || random.Next(2) == 0;
        if (fits)
            MakeFit(changed);
        return [.. changed, (byte)(fits ? 1 : 0)];
    }

    public override void Read(byte[] input, Random random)
    {
        if (input.Length < 2)
            return;
        using MeKiSession session = _model.LoadSession(_folder.Add("a.session", input.AsSpan(0, input.Length - 1)));
        Require(input[^1] == 1 || Seeds.Any(seed => seed.AsSpan().SequenceEqual(input)), "a damaged session was accepted");
        Walk.Tokens(_model, session);
    }

    protected override void Close()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    protected override IEnumerable<byte[]> Sound()
    {
        foreach (int length in new[] { 0, 1, 5, 33, 60 })
        {
            using MeKiSession session = _model.CreateSession();
            session.Forward([.. Enumerable.Range(0, length).Select(i => i * 3 % 200)], []);
            session.Save(_folder["sound.session"]);
            yield return [.. File.ReadAllBytes(_folder["sound.session"]), 0];
        }
    }

    // Header, tokens, and each page have theirs, each over all that came behind the header.
    private static void MakeFit(byte[] file)
    {
        if (file.Length < SessionHeader.Bytes)
            return;
        BitConverter.GetBytes(Crc32C.Of(file.AsSpan(0, SessionHeader.Bytes - 4))).CopyTo(file, SessionHeader.Bytes - 4);
        int length = BitConverter.ToInt32(file, 76), at = SessionHeader.Bytes;
        if (length is < 0 or > 1000 || at + 4 * length + 4 > file.Length)
            return;
        uint state = Crc32C.Append(Crc32C.Initial, file.AsSpan(at, 4 * length));
        at += 4 * length;
        BitConverter.GetBytes(~state).CopyTo(file, at);
        at += 4;
        // Two layers of one page each.
        int page = (file.Length - at) / 2;
        for (int layer = 0; layer < 2 && page > 4; layer++)
        {
            state = Crc32C.Append(state, file.AsSpan(at, page - 4));
            BitConverter.GetBytes(~state).CopyTo(file, at + page - 4);
            at += page;
        }
    }
}
