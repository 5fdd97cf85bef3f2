using MeKi.Model.Conversion;
using MeKi.Model.Tests.Evaluation;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>One model written in many ways is one model; its fold is that model too.</summary>
public sealed class CheckpointVariantTests : IDisposable
{
    private static readonly int[] Tokens = [84, 104, 256, 32, 0, 299, 261, 84, 17, 255, 257];

    private readonly TemporaryFolder _folder = new();
    private int _written;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void All_naming_schemes_of_one_model_give_identical_logits(bool tied)
    {
        TinyCheckpoint checkpoint = new() { ProjectionNorm = true, Tied = tied };
        float[] expected = Logits(checkpoint with { Naming = Naming.Reference });
        Assert.All(expected, logit => Assert.True(float.IsFinite(logit)));
        Assert.Equal(expected, Logits(checkpoint with { Naming = Naming.Demo }));
        Assert.Equal(expected, Logits(checkpoint with { Naming = Naming.Megatron }));
    }

    [Fact]
    public void The_demo_names_may_have_endings_and_prefixes_of_the_reference()
    {
        float[] expected = Logits(new());
        Assert.Equal(expected, Logits(new()
        {
            Naming = Naming.Demo,
            Damage = tensors =>
            {
                foreach (string name in tensors.Keys.ToArray())
                {
                    if (!tensors.Remove(name, out CheckpointTensor? tensor))
                        continue;
                    string full = name.EndsWith("embeddings", StringComparison.Ordinal) ? name + ".weight" : name;
                    tensors.Add(full.StartsWith("model.", StringComparison.Ordinal) ? full : "model." + full, tensor);
                }
            },
        }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rows_that_Megatron_adds_to_the_vocabulary_change_nothing(bool tied)
    {
        TinyCheckpoint checkpoint = new() { Naming = Naming.Megatron, ProjectionNorm = true, Tied = tied };
        Assert.Equal(Logits(checkpoint), Logits(checkpoint with { Padding = 20 }));
        Assert.Equal(Logits(checkpoint, convert: true), Logits(checkpoint with { Padding = 20 }, convert: true));
    }

    [Fact]
    public void Megatrons_gate_sees_the_residual_unless_the_configuration_says_otherwise()
    {
        float[] residual = Logits(new() { GateInput = "residual" });
        Assert.Equal(residual, Logits(new() { Naming = Naming.Megatron, GateInput = null }));
        Assert.Equal(Logits(new() { GateInput = null }), Logits(new() { Naming = Naming.Megatron, GateInput = "normalized" }));
        Assert.True(GoldenAssert.RelativeDistance(Logits(new()), residual) > 1e-3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checkpoint_in_shards_is_the_single_file(bool megatron)
    {
        TinyCheckpoint checkpoint = new() { Naming = megatron ? Naming.Megatron : Naming.Reference };
        Assert.Equal(Logits(checkpoint), Logits(checkpoint with { Shards = 3 }));
        using TemporaryFolder one = new();
        using TemporaryFolder three = new();
        ConversionResult single = Converter.Convert(checkpoint.Write(one["c"]), one["out"]);
        ConversionResult sharded = Converter.Convert((checkpoint with { Shards = 3 }).Write(three["c"]), three["out"]);
        Assert.Equal(single.Identity, sharded.Identity);
        Assert.Equal(File.ReadAllBytes(single.ModelPath), File.ReadAllBytes(sharded.ModelPath));
        Assert.Equal(File.ReadAllBytes(single.RowsPath!), File.ReadAllBytes(sharded.RowsPath!));
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Half_precision_checkpoints_are_the_same_model(string type)
    {
        TinyCheckpoint checkpoint = new() { ProjectionNorm = true };
        Assert.Equal(Logits(checkpoint), Logits(checkpoint with { DType = type }));
        Assert.Equal(Logits(checkpoint, convert: true), Logits(checkpoint with { DType = type }, convert: true));
    }

    [Theory]
    [InlineData(true, true, false, "normalized", true, true)]
    [InlineData(true, true, true, "residual", true, false)]
    [InlineData(true, false, false, "normalized", true, true)]
    [InlineData(false, true, false, "normalized", true, true)]
    [InlineData(false, true, true, "residual", false, false)]
    public void The_fold_at_full_precision_is_the_training_form(bool hasStatic, bool hasDynamic, bool projectionNorm, string gate, bool qkNorm, bool tied)
    {
        TinyCheckpoint checkpoint = new() { Static = hasStatic, Dynamic = hasDynamic, ProjectionNorm = projectionNorm, GateInput = gate, QkNorm = qkNorm, Tied =
            tied };
        double distance = GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true), Logits(checkpoint));
        Assert.True(distance < 1e-5, $"relative distance {distance:g3}");
    }

    public static TheoryData<string, string, string> Branches
    {
        get
        {
            TheoryData<string, string, string> all = [];
            foreach (string fusion in new[] { "additive_sigmoid", "additive_silu", "multiplicative_sigmoid", "multiplicative_silu" })
            {
                foreach (string placement in new[] { "parallel_ffn", "parallel_attention", "after_attention", "after_ffn" })
                {
                    foreach (string gate in new[] { "normalized", "residual" })
                        all.Add(fusion, placement, gate);
                }
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Branches))]
    public void Every_fusion_and_placement_is_its_formula_in_float64_folded_and_in_training_form(string fusion, string placement, string gate)
    {
        TinyCheckpoint checkpoint = new() { Fusion = fusion, Placement = placement, GateInput = gate, ProjectionNorm = gate == "residual" };
        float[] trained = Logits(checkpoint, out _), folded = Logits(checkpoint, out string converted, convert: true);
        using DoublePass reference = new(converted);
        double[] expected = reference.Nll(Tokens);
        // Float32 arithmetic of two layers; a gate's input taken from elsewhere moves them by more than a tenth (the test below).
        Assert.All(GoldenAssert.Nll(folded, Tokens).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 2e-4));
        Assert.All(GoldenAssert.Nll(trained, Tokens).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 2e-4));
    }

    [Fact]
    public void No_two_fusions_and_placements_are_alike_and_what_is_not_named_is_the_papers_best()
    {
        List<float[]> all = [];
        foreach (object[] row in Branches)
        {
            float[] logits = Logits(new TinyCheckpoint { Fusion = (string)row[0], Placement = (string)row[1], GateInput = (string)row[2] });
            Assert.All(all, other => Assert.True(GoldenAssert.RelativeDistance(other, logits) > 1e-3, string.Join(' ', row)));
            all.Add(logits);
        }
        Assert.Equal(all[0], Logits(new()));
    }

    [Theory]
    [InlineData("additive_sigmoid", "parallel_ffn")]
    [InlineData("additive_silu", "after_attention")]
    [InlineData("multiplicative_sigmoid", "parallel_attention")]
    [InlineData("multiplicative_silu", "after_ffn")]
    public void Prompt_and_single_tokens_of_every_placement_agree_to_the_bit_in_small_types(string fusion, string placement)
    {
        string path = new TinyCheckpoint { Fusion = fusion, Placement = placement }.Write(_folder[$"{_written++}"]),
            converted = Path.Combine(path, "converted");
        Converter.Convert(path, converted, new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0), RowType = RowType.Int4 });
        using MeKiModel model = MeKiModel.Load(converted);
        float[] prompt = GoldenAssert.AllLogits(model, Tokens), single = new float[prompt.Length];
        using MeKiSession session = model.CreateSession();
        for (int i = 0; i < Tokens.Length; i++)
            session.Forward([Tokens[i]], single.AsSpan(i * model.Config.VocabularySize, model.Config.VocabularySize));
        Assert.Equal(prompt, single);

        // Tokens whose logits nobody asks for leave the last layer early.
        using MeKiSession silent = model.CreateSession();
        float[] last = new float[3 * model.Config.VocabularySize];
        silent.Forward(Tokens.AsSpan(0, 4), []);
        silent.Forward(Tokens.AsSpan(4), last);
        Assert.Equal(prompt[^last.Length..], last);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(45)]
    [InlineData(72)]
    public void Rows_of_any_length_run_in_every_type(int memory)
    {
        TinyCheckpoint checkpoint = new() { Memory = memory };
        float[] expected = Logits(checkpoint);
        Assert.InRange(GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true), expected), 0, 1e-5);
        Assert.InRange(GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true, GgmlType.F16, RowType.F16), expected), 1e-7, 2e-3);
        Assert.InRange(GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true, GgmlType.Q8_0, RowType.Int8), expected), 1e-7, 0.05);
        Assert.InRange(GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true, GgmlType.Q8_0, RowType.Int4), expected), 1e-7, 0.15);
    }

    [Fact]
    public void Static_dynamic_and_full_models_differ()
    {
        float[] full = Logits(new()), withoutG = Logits(new() { Dynamic = false }), withoutM = Logits(new() { Static = false });
        Assert.True(GoldenAssert.RelativeDistance(withoutG, full) > 1e-3);
        Assert.True(GoldenAssert.RelativeDistance(withoutM, full) > 1e-3);
    }

    [Theory]
    [InlineData(GgmlType.Q8_0, RowType.Int8, 0.05)]
    [InlineData(GgmlType.F16, RowType.F16, 2e-3)]
    [InlineData(GgmlType.F16, RowType.Int4, 0.15)]
    public void Smaller_types_stay_near_the_training_form(GgmlType weights, RowType rows, double limit)
    {
        TinyCheckpoint checkpoint = new();
        double distance = GoldenAssert.RelativeDistance(Logits(checkpoint, convert: true, weights, rows), Logits(checkpoint));
        Assert.InRange(distance, 1e-7, limit);
    }

    private float[] Logits(TinyCheckpoint checkpoint, bool convert = false, GgmlType weights = GgmlType.F32, RowType rows = RowType.F32) =>
        Logits(checkpoint, out _, convert, weights, rows);

    private float[] Logits(TinyCheckpoint checkpoint, out string path, bool convert = false, GgmlType weights = GgmlType.F32, RowType rows = RowType.F32)
    {
        path = checkpoint.Write(_folder[$"{_written++}"]);
        if (convert)
        {
            string converted = Path.Combine(path, "converted");
            Converter.Convert(path, converted, new() { WeightType = WeightRecipe.Of(weights), RowType = rows });
            path = converted;
        }
        using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact);
        return GoldenAssert.AllLogits(model, Tokens);
    }
}
