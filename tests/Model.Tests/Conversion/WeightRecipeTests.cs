using MeKi.Model.Architectures;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Synthesis;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Conversion;

/// <summary>Which tensor gets which format: against llama.cpp's files and its rules written out for real depths.</summary>
public class WeightRecipeTests
{
    [SharedTheory("gguf/tiny-q4_k_m.gguf")]
    [InlineData("q4_k_m")]
    [InlineData("q5_k_m")]
    [InlineData("q6_k")]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    [InlineData("q4_1")]
    [InlineData("q5_0")]
    [InlineData("q5_1")]
    [InlineData("iq4_nl")]
    public void Formats_and_file_type_are_those_of_the_files_of_llama_cpp(string name)
    {
        using GgufFile file = GgufFile.Open(SharedMaterial.Path($"gguf/tiny-{name}.gguf"));
        WeightRecipe recipe = Recipe(name);
        GgufTensor[] matrices = [.. file.Tensors.Where(tensor => tensor.Dimensions.Length == 2)];
        Assert.Equal(1 + 7 * 6, matrices.Length);
        Assert.All(matrices, tensor => Assert.Equal(tensor.Type, recipe.FormatOf(tensor.Name, (int)tensor.Dimensions[0], Config(layers: 6)).Type));
        GgufMetadata metadata = new("");
        recipe.WriteTo(metadata);
        Assert.Equal(file.Metadata.GetInt("general.file_type"), metadata.GetInt("general.file_type"));
        Assert.Equal(file.Metadata.GetInt("general.quantization_version"), metadata.GetInt("general.quantization_version"));
    }

    [SharedTheory("gguf/tiny-f16.gguf")]
    [InlineData("f16")]
    [InlineData("bf16")]
    public void File_types_are_those_of_llama_cpp(string name)
    {
        using GgufFile file = GgufFile.Open(SharedMaterial.Path($"gguf/tiny-{name}.gguf"));
        GgufMetadata metadata = new("");
        Recipe(name).WriteTo(metadata);
        Assert.Equal(file.Metadata.GetInt("general.file_type"), metadata.GetInt("general.file_type"));
    }

    /// <summary>llama-quantize takes a table of rows for a token embedding, and leaves what makes rows in half precision.</summary>
    [Theory]
    [InlineData("q4_0", GgmlType.Q6_K)]
    [InlineData("q4_k_m", GgmlType.Q6_K)]
    [InlineData("q8_0", GgmlType.Q8_0)]
    [InlineData("f16", GgmlType.F16)]
    public void A_table_of_rows_has_the_format_of_the_embedding(string name, GgmlType expected)
    {
        List<BackboneTensor> tensors = BackboneTensor.List(SyntheticShape.Of("gemma4-e2b").Config(0), Recipe(name), panels: false);
        foreach (string table in new[] { "token_embd.weight", "per_layer_token_embd.weight" })
            Assert.Equal(expected, tensors.Single(tensor => tensor.Name == table).Type);
        Assert.Equal(GgmlType.F16, tensors.Single(tensor => tensor.Name == "per_layer_model_proj.weight").Type);
    }

    /// <summary>The layers whose attn_v and ffn_down are Q6_K: the first and the last eighth, and every third between.</summary>
    [Theory]
    [InlineData(2, new[] { 1 })]
    [InlineData(6, new[] { 2, 5 })]
    [InlineData(28, new[] { 0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27 })]
    [InlineData(36, new[] { 0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 31, 32, 33, 34, 35 })]
    public void Some_layers_have_more_bits(int layers, int[] expected)
    {
        foreach ((WeightRecipe recipe, GgmlType rest) in new[] { (WeightRecipe.Q4_K_M, GgmlType.Q4_K), (WeightRecipe.Q5_K_M, GgmlType.Q5_K) })
        {
            for (int layer = 0; layer < layers; layer++)
            {
                GgmlType sensitive = expected.Contains(layer) ? GgmlType.Q6_K : rest;
                foreach (string name in new[] { "attn_v", "ffn_down" })
                    Assert.Equal(sensitive, Type(recipe, $"blk.{layer}.{name}.weight", 1024, layers));
                foreach (string name in new[] { "attn_q", "attn_k", "attn_output", "ffn_gate", "ffn_up", "meki_gate", "meki_out" })
                    Assert.Equal(rest, Type(recipe, $"blk.{layer}.{name}.weight", 1024, layers));
            }
        }
    }

    [Theory]
    [InlineData("q4_0", GgmlType.Q4_0, GgmlType.Q6_K)]
    [InlineData("q4_1", GgmlType.Q4_1, GgmlType.Q6_K)]
    [InlineData("q5_0", GgmlType.Q5_0, GgmlType.Q6_K)]
    [InlineData("q5_1", GgmlType.Q5_1, GgmlType.Q6_K)]
    [InlineData("iq4_nl", GgmlType.IQ4_NL, GgmlType.Q6_K)]
    [InlineData("q6_k", GgmlType.Q6_K, GgmlType.Q6_K)]
    [InlineData("q4_k_m", GgmlType.Q4_K, GgmlType.Q6_K)]
    [InlineData("q5_k_m", GgmlType.Q5_K, GgmlType.Q6_K)]
    [InlineData("q8_0", GgmlType.Q8_0, GgmlType.Q8_0)]
    [InlineData("q4_k", GgmlType.Q4_K, GgmlType.Q4_K)]
    [InlineData("q5_k", GgmlType.Q5_K, GgmlType.Q5_K)]
    [InlineData("f16", GgmlType.F16, GgmlType.F16)]
    [InlineData("bf16", GgmlType.BF16, GgmlType.BF16)]
    [InlineData("f32", GgmlType.F32, GgmlType.F32)]
    public void The_head_is_q6_k_and_the_embedding_only_where_it_is_the_head(string name, GgmlType rest, GgmlType head)
    {
        (WeightRecipe recipe, ModelConfig tied, ModelConfig untied) =
            (Recipe(name), Config(layers: 28), Config(layers: 28) with { Present = new HashSet<Role> { Role.Head } });
        Assert.Equal(head, recipe.FormatOf("token_embd.weight", 1024, tied).Type);
        Assert.Equal(rest, recipe.FormatOf("token_embd.weight", 1024, untied).Type);
        Assert.Equal(head, recipe.FormatOf("output.weight", 1024, untied).Type);
        if (head == GgmlType.Q6_K)
            Assert.Equal(GgmlType.Q8_0, recipe.FormatOf("output.weight", 96, untied).Type);
    }

    /// <summary>Without an importance matrix: attn_v where four queries or more share it, ffn_down of the first eighth.</summary>
    [Fact]
    public void Some_matrices_of_iq4_nl_are_q5_k()
    {
        WeightRecipe recipe = Recipe("iq4_nl");
        for (int layer = 0; layer < 28; layer++)
        {
            Assert.Equal(layer < 3 ? GgmlType.Q5_K : GgmlType.IQ4_NL, recipe.FormatOf($"blk.{layer}.ffn_down.weight", 1024, Config(layers: 28)).Type);
            foreach ((int heads, GgmlType expected) in new[] { (8, GgmlType.IQ4_NL), (15, GgmlType.IQ4_NL), (16, GgmlType.Q5_K), (32, GgmlType.Q5_K) })
                Assert.Equal(expected, recipe.FormatOf($"blk.{layer}.attn_v.weight", 1024, Config(layers: 28) with { Heads = heads }).Type);
        }
        Assert.Equal(GgmlType.Q5_1, recipe.FormatOf("blk.0.ffn_down.weight", 96, Config(layers: 28)).Type);
    }

    /// <summary>128 columns are whole blocks of 32 but not of 256; 48 are neither.</summary>
    [Theory]
    [InlineData("q4_k_m", "blk.1.attn_q.weight", GgmlType.Q5_0)]
    [InlineData("q5_k_m", "blk.1.meki_out.weight", GgmlType.Q5_1)]
    [InlineData("q4_k_m", "blk.0.attn_v.weight", GgmlType.Q8_0)]
    [InlineData("q6_k", "blk.0.attn_q.weight", GgmlType.Q8_0)]
    [InlineData("q8_0", "blk.0.attn_q.weight", GgmlType.Q8_0)]
    [InlineData("q4_0", "blk.0.attn_q.weight", GgmlType.Q4_0)]
    public void A_row_that_is_not_whole_blocks_falls_back(string recipe, string tensor, GgmlType expected)
    {
        Assert.Equal(expected, Type(Recipe(recipe), tensor, 128, layers: 8));
        Assert.Equal(GgmlType.F16, Type(Recipe(recipe), tensor, 48, layers: 8));
    }

    [Fact]
    public void Every_format_is_a_recipe_and_names_are_unique()
    {
        Assert.Equal(BlockFormat.All.Select(format => format.Name).Concat(["q4_k_m", "q5_k_m"]), WeightRecipe.All.Select(recipe => recipe.Name));
        Assert.All(BlockFormat.All, format => Assert.Equal(format, WeightRecipe.Of(format.Type).FormatOf("blk.0.attn_q.weight", 256, Config(layers: 1))));
        Assert.Throws<NotSupportedException>(() => WeightRecipe.Of(GgmlType.IQ1_S));
    }

    private static GgmlType Type(WeightRecipe recipe, string tensor, int columns, int layers) => recipe.FormatOf(tensor, columns, Config(layers)).Type;

    /// <summary>A recipe asks a model for its layers, its head and how many queries share a key.</summary>
    private static ModelConfig Config(int layers) => new(Architecture.OfGguf("qwen3", "test"))
    {
        Layers = layers, Heads = 8, KvHeads = 4, VocabularySize = 256, HiddenSize = 1024, FeedForwardSize = 1024, HeadDimension = 128, NormEps = 1e-6f,
            RopeTheta = 1e6f,
        ContextLength = 256, Present = new HashSet<Role> { Role.QueryNorm, Role.KeyNorm },
    };

    private static WeightRecipe Recipe(string name) => WeightRecipe.All.Single(recipe => recipe.Name == name);
}

/// <summary>A recipe's formats by the names of tensors.</summary>
internal static class RecipeByName
{
    public static BlockFormat FormatOf(this WeightRecipe recipe, string tensor, int columns, ModelConfig config)
    {
        string[] words = tensor.Split('.', 3);
        bool ofLayer = words[0] == "blk";
        TensorSpec spec = Architecture.OfGguf("qwen3meki", "test").Tensors.Single(each => each.PerLayer == ofLayer
            && each.Gguf.Name == (ofLayer ? words[2] : tensor));
        return recipe.FormatOf(spec, ofLayer ? int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) : 0, columns, config);
    }
}
