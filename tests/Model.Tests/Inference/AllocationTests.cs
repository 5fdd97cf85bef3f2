using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Model.Tests.Adapters;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>Tests that count the whole process's allocations: nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>A decoded token allocates nothing on the managed heap, on whatever thread. Only a new page of the KV cache does, once in 256 positions.</summary>
[Collection(AloneCollection.Name)]
public sealed class AllocationTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const int Prompt = 70, Decoded = 64, PageLength = 256;

    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    [Theory]
    [InlineData(1, false, KvFormat.F16)]
    [InlineData(2, false, KvFormat.F16)]
    [InlineData(3, false, KvFormat.F16)]
    [InlineData(1, true, KvFormat.F16)]
    [InlineData(2, true, KvFormat.F16)]
    [InlineData(1, false, KvFormat.Q8_0)]
    [InlineData(2, false, KvFormat.Q8_0)]
    public void Of_a_converted_model(int threads, bool withoutMeKi, KvFormat cache)
    {
        using MeKiModel model = MeKiModel.Load(Demo, new() { Threads = threads, WithoutMeKi = withoutMeKi, KeyFormat = cache, ValueFormat = cache });
        AssertDecodesWithoutAllocating(model);
        Assert.Equal(withoutMeKi, model.StoreCounters.RowsRead == 0);
    }

    [Fact]
    public void Of_a_checkpoint_in_its_training_form()
    {
        using MeKiModel model = tiny.Load(converted: false, threads: 2);
        AssertDecodesWithoutAllocating(model);
    }

    [SharedTheory("foreign/gemma4.gguf")]
    [InlineData("gemma4", 1)]
    [InlineData("gemma4", 2)]
    [InlineData("gemma3n", 2)]
    public void Of_a_model_whose_rows_lie_in_its_file(string family, int threads)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), new() { Threads = threads, Rows = new() { CacheBytes = 0 } });
        AssertDecodesWithoutAllocating(model);
        Assert.True(model.StoreCounters.RowsRead > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void With_two_adapters(int threads)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("meki-test-");
        using (MeKiModel model = MeKiModel.Load(Demo, new() { Threads = threads }))
        {
            model.DefaultAdapters = [new(RandomAdapter.Write(model.Config, Path.Combine(folder.FullName, "a.gguf"), rank: 9, seed: 1), 0.5f),
                new(RandomAdapter.Write(model.Config, Path.Combine(folder.FullName, "b.gguf"), rank: 2, seed: 2))];
            AssertDecodesWithoutAllocating(model);
        }
        folder.Delete(recursive: true);
    }

    private static void AssertDecodesWithoutAllocating(MeKiModel model)
    {
        Assert.True(Prompt + Decoded < PageLength);
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        int[] prompt = TinyModel.Tokens(Prompt);
        // The runtime itself may allocate in the midst of it: a thread for its pool, a message of the test host. What a token allocated would be there each
        // time.
        (long thread, long process) least = (long.MaxValue, long.MaxValue);
        for (int attempt = 0; attempt < 100 && least != (0, 0); attempt++)
        {
            session.Truncate(0);
            session.Forward(prompt, logits);
            // The first tokens after a prompt grow what the prompt did not need.
            Decode(session, logits, 8);
            session.Truncate(Prompt);
            long process = GC.GetTotalAllocatedBytes(precise: true), thread = GC.GetAllocatedBytesForCurrentThread();
            Decode(session, logits, Decoded);
            thread = GC.GetAllocatedBytesForCurrentThread() - thread;
            process = GC.GetTotalAllocatedBytes(precise: true) - process;
            least = (Math.Min(least.thread, thread), Math.Min(least.process, process));
        }
        Assert.Equal((0, 0), least);
    }

    private static void Decode(MeKiSession session, float[] logits, int tokens)
    {
        for (int i = 0; i < tokens; i++)
        {
            int next = TensorPrimitives.IndexOfMax(logits);
            session.Prefetch(next);
            session.Forward([next], logits);
        }
    }
}
