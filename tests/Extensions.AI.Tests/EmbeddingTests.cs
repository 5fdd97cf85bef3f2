using System.Numerics.Tensors;
using MeKi.Model;
using MeKi.Model.Embeddings;
using MeKi.Tests;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI.Tests;

[Collection(TalkingModel.Collection)]
public sealed class EmbeddingTests(TalkingModel talking)
{
    private static readonly string[] Texts = ["Who is there?", "a", string.Concat(Enumerable.Repeat("To be, or not to be. ", 45)), "Nay, answer me."];

    private MeKiEmbeddingGenerator Generator => new(talking.Model, "tiny");

    [Fact]
    public async Task A_vector_has_length_one_and_the_answer_its_facts()
    {
        GeneratedEmbeddings<Embedding<float>> made = await Generator.GenerateAsync(Texts);
        Assert.Equal(Texts.Length, made.Count);
        Assert.All(made, each => Assert.Equal((talking.Model.Config.HiddenSize, "tiny"), (each.Vector.Length, each.ModelId)));
        Assert.All(made, each => Assert.Equal(1, TensorPrimitives.Norm(each.Vector.Span), 1e-5f));
        Assert.Equal(Texts.Sum(text => talking.Model.Tokenizer!.Encode(text).Length), made.Usage!.InputTokenCount);
        Assert.NotNull(made[0].CreatedAt);
    }

    [Theory]
    [InlineData(Pooling.Mean)]
    [InlineData(Pooling.Last)]
    [InlineData(Pooling.Cls)]
    public async Task A_text_has_the_same_bits_alone_and_beside_others(Pooling pooling)
    {
        EmbeddingGenerationOptions options = new() { AdditionalProperties = new() { ["pooling"] = pooling } };
        GeneratedEmbeddings<Embedding<float>> together = await Generator.GenerateAsync(Texts, options);
        for (int i = 0; i < Texts.Length; i++)
            Assert.Equal((await Generator.GenerateAsync([Texts[i]], options))[0].Vector.ToArray(), together[i].Vector.ToArray());
    }

    [Fact]
    public async Task Pooling_is_the_mean_the_last_or_the_first_of_the_tokens()
    {
        // Attention is causal: a text's first tokens have the vectors that they have in a text of their own.
        string text = "Who is there?";
        int[] ids = talking.Model.Tokenizer!.Encode(text);
        double[] sum = new double[talking.Model.Config.HiddenSize];
        double[][] last = Run([.. Enumerable.Range(1, ids.Length).Select(n => ids[..n])], Pooling.Last);
        foreach (double[] vector in last)
        {
            for (int i = 0; i < sum.Length; i++)
                sum[i] += vector[i] / ids.Length;
        }
        Assert.Equal(last[^1], Run([ids], Pooling.Last)[0]);
        Assert.Equal(last[0], Run([ids], Pooling.Cls)[0]);
        double[] mean = Run([ids], Pooling.Mean)[0];
        for (int i = 0; i < sum.Length; i++)
            Assert.Equal(sum[i], mean[i], 1e-9);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Fewer_dimensions_are_the_first_ones_at_length_one()
    {
        float[] all = (await Generator.GenerateAsync(["A text."]))[0].Vector.ToArray(), few = (await Generator.GenerateAsync(["A text."],
            new() { Dimensions = 8 }))[0].Vector.ToArray();
        float norm = TensorPrimitives.Norm(all.AsSpan(0, 8));
        Assert.Equal(8, few.Length);
        for (int i = 0; i < few.Length; i++)
            Assert.Equal(all[i] / norm, few[i], 1e-6f);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        foreach (int dimensions in new[] { 0, -1, talking.Model.Config.HiddenSize + 1 })
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Generator.GenerateAsync(["a"], new() { Dimensions = dimensions }));
        await Assert.ThrowsAsync<ArgumentException>(() => Generator.GenerateAsync(["a", ""]));
        await Assert.ThrowsAsync<ArgumentException>(() => Generator.GenerateAsync([null!]));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Generator.GenerateAsync(null!));
        await Assert.ThrowsAsync<ContextOverflowException>(() => Generator.GenerateAsync([new string('q', 20_000)]));
        await Assert.ThrowsAsync<NotSupportedException>(() => Generator.GenerateAsync(["a"], new() { ModelId = "other" }));
        await Assert.ThrowsAsync<NotSupportedException>(() => Generator.GenerateAsync(["a"], new() { AdditionalProperties = new() { ["poling"] = "last" } }));
        await Assert.ThrowsAsync<ArgumentException>(() => Generator.GenerateAsync(["a"], new() { AdditionalProperties = new() { ["pooling"] = "max" } }));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Generator.GenerateAsync(["a"], cancellationToken: new(canceled: true)));
        Assert.Empty(await Generator.GenerateAsync([]));
    }

    [Fact]
    public void Services_are_the_generator_its_metadata_and_the_model()
    {
        EmbeddingGeneratorMetadata metadata = Generator.GetService<EmbeddingGeneratorMetadata>()!;
        Assert.Equal(("meki", "tiny", talking.Model.Config.HiddenSize), (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.Same(talking.Model, Generator.GetService<MeKiModel>());
        Assert.IsType<MeKiEmbeddingGenerator>(Generator.GetService<IEmbeddingGenerator<string, Embedding<float>>>());
    }

    [SharedTheory("foreign")]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    [InlineData("gemma3n")]
    [InlineData("gemma4")]
    public async Task Any_family_makes_embeddings(string family)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), new() { Threads = 2 });
        using MeKiEmbeddingGenerator generator = new(model);
        GeneratedEmbeddings<Embedding<float>> together = await generator.GenerateAsync(Texts[..2]);
        Assert.Equal((await generator.GenerateAsync([Texts[1]]))[0].Vector.ToArray(), together[1].Vector.ToArray());
        Assert.Equal(1, TensorPrimitives.Norm(together[0].Vector.Span), 1e-5f);
    }

    private double[][] Run(int[][] texts, Pooling pooling)
    {
        using (talking.Model.Loaded.HoldOpen())
            return EmbeddingPass.Run(talking.Model.Loaded, null, texts, pooling, CancellationToken.None);
    }
}
