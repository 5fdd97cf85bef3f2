using MeKi.Model.Architectures;
using MeKi.Model.Conversion;
using MeKi.Model.Files;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Gguf;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Store.Tests;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>Models whose rows lie in a table of their own file: it stays on storage.</summary>
public sealed class TableRowsTests : IDisposable
{
    private const string Table = "per_layer_token_embd.weight", File4 = "foreign/gemma4.gguf";

    private static readonly int[] Prompt = [2, 281, 279, 284, 277, 320, 287, 279, 273, 278, 154, 274, 68, 279, 279, 268, 320, 284, 69, 106];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SharedTheory(File4)]
    [InlineData("gemma4")]
    [InlineData("gemma3n")]
    public void The_way_to_the_rows_and_the_memory_for_them_change_no_logit(string family)
    {
        string path = SharedMaterial.Path($"foreign/{family}.gguf");
        float[]? expected = null;
        RowStoreOptions[] ways = [new(), new() { CacheBytes = 0 }, new() { MemoryMapped = true }, new() { MemoryMapped = true, CacheBytes = 5000 }];
        foreach (RowStoreOptions rows in ways)
        {
            using MeKiModel model = MeKiModel.Load(path, new() { Rows = rows });
            Assert.Equal(path, model.RowFilePath);
            float[] logits = PromptAndDecode(model);
            Assert.Equal(expected ??= logits, logits);
            Assert.True(model.StoreCounters.RowsRead >= Prompt.Distinct().Count() * model.Config.Layers);
        }
    }

    // Gemma 3n's rows are 256 wide: whole blocks of every format.
    [SharedTheory(File4)]
    [InlineData(GgmlType.Q6_K)]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.BF16)]
    public void Rows_in_blocks_count_as_the_values_they_decode_to(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma3n.gguf"));
        long[] dimensions = draft.Tensors[Table].Dimensions;
        float[] values = new float[dimensions[0] * dimensions[1]];
        BlockFormat.Of(GgmlType.F32).Decode(draft.Tensors[Table].Bytes, values);
        byte[] blocks = new byte[format.RowBytes((int)dimensions[0]) * dimensions[1]];
        format.Encode(values, blocks);
        format.Decode(blocks, values);
        draft.Tensors[Table] = new(dimensions, blocks, type);
        string inBlocks = WithoutTokenizer(draft).Write(_folder["blocks.gguf"]);
        draft.Tensors[Table] = DraftTensor.Of(dimensions, values);
        using MeKiModel one = MeKiModel.Load(inBlocks), other = MeKiModel.Load(draft.Write(_folder["floats.gguf"]));
        Assert.Equal(PromptAndDecode(other), PromptAndDecode(one));
        Assert.Equal(blocks.Length, one.LoadReport.StoredBytes);
    }

    [SharedFact(File4)]
    public void A_table_in_another_file_of_a_split_model_is_read_where_it_lies()
    {
        string path = SharedMaterial.Path(File4);
        string[] parts = SplitModel.Write(path, _folder["model"], 3);
        using MeKiModel whole = MeKiModel.Load(path), split = MeKiModel.Load(parts[0]);
        Assert.Contains(split.RowFilePath, parts);
        Assert.Equal(PromptAndDecode(whole), PromptAndDecode(split));
    }

    [SharedFact(File4)]
    public void Nothing_of_the_table_but_the_rows_of_the_tokens_is_read()
    {
        ScriptedSource? source = null;
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path(File4), new() { Rows = new() { CacheBytes = 0, Before = file => source = new(file) } });
        Assert.Empty(source!.Reads);
        using MeKiSession session = model.CreateSession();
        session.Forward([500], []);
        Assert.Single(source.Reads);
        Assert.Equal(10 * 32 * 4, source.Reads[0].Length);
    }

    [SharedFact(File4)]
    public void A_read_error_ends_the_pass_that_needed_the_row_and_the_session_goes_on()
    {
        ScriptedSource? source = null;
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path(File4), new() { Rows = new() { Before = file => source = new(file) } });
        using MeKiSession failing = model.CreateSession(), straight = model.CreateSession();
        float[] expected = new float[model.Config.VocabularySize], logits = new float[model.Config.VocabularySize];
        failing.Forward([1, 2, 3], []);
        source!.Script = static (_, _) => throw new IOException("Input/output error");
        RowFileException failure = Assert.Throws<RowFileException>(() => failing.Forward([290], logits));
        Assert.StartsWith(SharedMaterial.Path(File4), failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, failing.Position);
        source.Script = null;
        failing.Forward([290], logits);
        straight.Forward([1, 2, 3, 290], expected);
        Assert.Equal(expected, logits);
    }

    [SharedFact(File4)]
    public void A_file_cut_short_behind_its_weights_fails_the_tokens_whose_rows_are_gone_and_no_others()
    {
        string path = Write(draft =>
        {
            // The table last, so that nothing else is lost.
            DraftTensor table = draft.Tensors[Table];
            draft.Tensors.Remove(Table);
            draft.Tensors[Table] = table;
        });
        using MeKiModel model = MeKiModel.Load(path, new() { CopyWeights = true });
        using MeKiSession session = model.CreateSession();
        using (FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(file.Length - 400 * 10 * 32 * 4);
        session.Forward([5], []);
        Assert.Contains("truncated while open", Assert.Throws<RowFileException>(() => session.Forward([521], [])).Message, StringComparison.Ordinal);
        session.Forward([6], []);
    }

    [SharedTheory(File4)]
    [InlineData(521, 320, "has 521 rows, fewer than the 522 tokens of the vocabulary")]
    [InlineData(522, 288, "has rows of 288 values where 10 layers of 32 make 320")]
    [InlineData(522, 640, "has rows of 640 values where 10 layers of 32 make 320")]
    public void A_table_that_does_not_fit_the_model_is_refused(int rows, int columns, string problem)
    {
        string path = Write(draft => draft.Tensors[Table] = DraftTensor.Filled(0.5f, columns, rows));
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(path));
        Assert.StartsWith($"{path}: tensor '{Table}': {problem}", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>A hole of 3 GB, of which the model's tokens need the first rows.</summary>
    [SharedFact(File4)]
    public void A_copied_model_leaves_its_table_on_storage()
    {
        string path = Write(draft => draft.Tensors[Table] = new([320, 2_400_000]));
        long before = Environment.WorkingSet;
        using MeKiModel model = MeKiModel.Load(path, new() { CopyWeights = true });
        _ = PromptAndDecode(model);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 1 << 30);
    }

    [SharedFact(File4)]
    public void A_copied_folder_leaves_its_table_on_storage()
    {
        HuggingFaceFolder.Write(SharedMaterial.Path(File4), _folder["hf"]);
        string path = Path.Combine(_folder["hf"], "model.safetensors");
        string table = SafetensorsFile.Open(path).Tensors.Keys.Single(name => name.Contains("per_layer.weight", StringComparison.Ordinal));
        using (SafetensorsFile copy = SafetensorsFile.Open(path, copy: true, Architecture.IsTableOfCheckpoint))
        {
            SafetensorsTensor left = copy.Tensors[table];
            Assert.Equal(-1, copy.File.Span(left.Offset, (int)left.ByteLength).IndexOfAnyExcept((byte)0));
        }
        using MeKiModel mapped = MeKiModel.Load(_folder["hf"]), copied = MeKiModel.Load(_folder["hf"], new() { CopyWeights = true });
        Assert.Equal(PromptAndDecode(mapped), PromptAndDecode(copied));
    }

    // Rows of 32 values in a format that has no panels: what multiplies them is encoded anew.
    [SharedFact(File4)]
    public void Folded_rows_of_an_embedding_that_is_encoded_anew_are_those_in_place()
    {
        BlockFormat format = BlockFormat.Of(GgmlType.Q5_1);
        string path = Write(draft =>
        {
            DraftTensor embedding = draft.Tensors["token_embd.weight"];
            float[] values = new float[embedding.Dimensions[0] * embedding.Dimensions[1]];
            BlockFormat.Of(GgmlType.F32).Decode(embedding.Bytes, values);
            byte[] blocks = new byte[format.RowBytes((int)embedding.Dimensions[0]) * embedding.Dimensions[1]];
            format.Encode(values, blocks);
            draft.Tensors["token_embd.weight"] = new(embedding.Dimensions, blocks, GgmlType.Q5_1);
        });
        Converter.Convert(path, _folder["folded"], new() { RowType = RowType.F32 });
        using MeKiModel place = MeKiModel.Load(path), folded = MeKiModel.Load(_folder["folded"]);
        Assert.Equal(PromptAndDecode(place), PromptAndDecode(folded));
    }

    [SharedFact(File4)]
    public void A_file_without_its_table_is_named_incomplete()
    {
        string path = Write(draft => draft.Tensors.Remove(Table));
        Assert.Contains(Table, Assert.Throws<ModelFileException>(() => MeKiModel.Load(path)).Message, StringComparison.Ordinal);
    }

    private static float[] PromptAndDecode(MeKiModel model)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[Prompt.Length * model.Config.VocabularySize], one = new float[model.Config.VocabularySize];
        session.Forward(Prompt, logits);
        foreach (int token in new[] { 7, 360, 7 })
        {
            session.Prefetch(token);
            session.Forward([token], one);
        }
        return [.. logits, .. one];
    }

    private string Write(Action<GgufDraft> change)
    {
        GgufDraft draft = WithoutTokenizer(GgufDraft.Read(SharedMaterial.Path(File4)));
        change(draft);
        return draft.Write(_folder["changed.gguf"]);
    }

    // It is no matter of these tests.
    private static GgufDraft WithoutTokenizer(GgufDraft draft)
    {
        foreach (string key in draft.Keys.Keys.Where(key => key.StartsWith("tokenizer.", StringComparison.Ordinal)).ToArray())
            draft.Keys.Remove(key);
        return draft;
    }
}
