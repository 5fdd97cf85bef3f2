using MeKi.Model.Gguf;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>The bytes that a model says it reads are those of its file.</summary>
public class ModelFactsTests
{
    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    [Fact]
    public void Weights_read_per_token_are_the_files_tensors_and_one_embedding_row()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using GgufFile file = GgufFile.Open(Path.Combine(Demo, "model.gguf"));
        GgufTensor embedding = file.GetTensor("token_embd.weight");
        // The head is tied: the embedding is read whole as the head, and one row of it as the embedding.
        Assert.True(model.Config.TiedHead);
        Assert.Equal(file.Tensors.Sum(tensor => tensor.ByteLength) + embedding.ByteLength / model.Config.VocabularySize, model.WeightBytesPerToken);

        using MeKiModel off = MeKiModel.Load(Demo, new() { WithoutMeKi = true });
        Assert.Equal(file.Tensors.Where(tensor => tensor.Name.Contains("meki", StringComparison.Ordinal)).Sum(tensor => tensor.ByteLength),
            model.WeightBytesPerToken - off.WeightBytesPerToken);
        Assert.Null(off.RowFilePath);
    }

    [Fact]
    public void The_cache_holds_what_a_position_is_said_to_add()
    {
        using MeKiModel model = MeKiModel.Load(Demo);
        using MeKiSession session = model.CreateSession();
        session.Forward([1], []);
        Assert.Equal(256 * model.KvBytesPerPosition, session.KvCacheBytes); // a page of 256 positions
    }
}
