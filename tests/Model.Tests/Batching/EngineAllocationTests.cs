using System.Runtime.CompilerServices;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Inference;
using MeKi.Tests;

namespace MeKi.Model.Tests.Batching;

/// <summary>What a pass over several sequences allocates: the pieces that their callers get, and nothing else.</summary>
[Collection(AloneCollection.Name)]
public sealed class EngineAllocationTests
{
    private const int Sequences = 4, Tokens = 100, Window = 8;

    private static object? s_kept;

    [Theory]
    [InlineData(0)]
    [InlineData(0.8f)]
    public async Task A_token_of_several_sequences_allocates_its_piece_alone(float temperature)
    {
        string demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");
        using MeKiModel model = MeKiModel.Load(demo, new() { Threads = 1 });
        // One letter each time, so that each piece has the same bytes.
        int letter = model.Tokenizer!.Encode("e", addSpecial: false).Single();
        Dictionary<int, float> bias = new() { [letter] = 1e4f };
        GenerationOptions options = new() { Temperature = temperature, Seed = 1, MaxTokens = Tokens, LogitBias = bias };
        long piece = PieceBytes(), least = long.MaxValue;
        // The runtime may allocate in between, for its own thread pool.
        for (int attempt = 0; attempt < 20 && least != Window * Sequences * piece; attempt++)
        {
            List<long> allocated = new(Tokens + 1);
            // Called on the engine's thread, which with one thread is the only one that computes.
            LogitsProcessor note = (_, _) => allocated.Add(GC.GetAllocatedBytesForCurrentThread());
            await Task.WhenAll(Enumerable.Range(0, Sequences).Select(i => Task.Run(async () =>
            {
                await foreach (TextPiece given in model.GenerateAsync([i + 1], i == 0 ? options with { LogitsProcessor = note } : options))
                    Assert.Equal("e", given.Text);
            })));
            for (int i = Window; i < allocated.Count; i++)
                least = allocated[i] - allocated[i - Window] is var bytes and > 0 && IsSteady(i) ? Math.Min(least, bytes) : least;
        }
        Assert.Equal(Window * Sequences * piece, least);

        // All have begun, and none has ended.
        static bool IsSteady(int i) => i is > 30 and < Tokens - 10;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long PieceBytes()
    {
        long before = 0;
        for (int i = 0; i < 3; i++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            s_kept = new string('e', 1);
            s_kept = new GeneratedToken[1];
        }
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
