using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>Sizes that a file tells are bounded where they are read: however well they fit together, they are refused before any memory is taken.</summary>
[Trait("Fault", "18.10")]
public sealed class ConfiguredSizeTests : IDisposable
{
    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(1 << 22, 1, 2, 2, 1, 1, 257)] // Once wrote outside of its memory.
    [InlineData((1 << 23) - 1, 1, 2, 1, 1, 1, 257)]
    [InlineData(1 << 20, 1, 2, 1, 1, 1, 257)]
    [InlineData(1 << 23, 1 << 23, 2, 1, 1, 1, 16)]
    [InlineData(1 << 16, 1 << 16, 2, 1, 1, 1, 16)]
    [InlineData(1, 1, 1 << 24, 1, 1, 1, 16)]
    [InlineData(1, 1, 1 << 23, 1, 1, 1, 16)]
    [InlineData(1, 1, 1026, 1, 1, 1, 16)]
    [InlineData(4, 2, 2048, 1, 8, 8, 16)]
    [InlineData(1024, 1024, 1024, 1, 1, 1, 16)]
    [InlineData(1, 1, 2, 1, (1 << 24) - 8, 1, 16)]
    [InlineData(1, 1, 2, 1, 1 << 23, 1, 16)]
    [InlineData(1, 1, 2, 1, 1, (1 << 24) - 8, 16)]
    [InlineData(1, 1, 2, 1, 1, 1 << 22, 16)]
    [InlineData(1, 1, 2, 1, 1, 1, (1 << 24) - 1)]
    [InlineData(1, 1, 2, 1, 1, 1, 1 << 25)]
    public void A_gguf_file_of_sizes_beyond_every_model_is_refused(int heads, int kvHeads, int head, int layers, int feedForward, int hidden, int vocabulary)
    {
        GgufDraft draft = Sparse(heads, kvHeads, head, layers, feedForward, hidden, vocabulary);
        AssertRefusedCheaply(draft.Write(_files.NewPath(".gguf")));
    }

    [Theory]
    [InlineData(1 << 21)]
    [InlineData((1 << 24) - 1)]
    [InlineData(1 << 24)]
    [InlineData(int.MaxValue)]
    public void A_gguf_file_of_more_layers_than_any_model_is_refused(int layers)
    {
        GgufDraft draft = Sparse(1, 1, 2, 1, 1, 1, 16);
        draft.Keys["qwen3.block_count"] = (uint)layers;
        AssertRefusedCheaply(draft.Write(_files.NewPath(".gguf")));
        draft.Keys["qwen3.attention.sliding_window"] = 8u;
        AssertRefusedCheaply(draft.Write(_files.NewPath(".gguf")));
        draft.Keys["qwen3.attention.sliding_window_pattern"] = 2u;
        AssertRefusedCheaply(draft.Write(_files.NewPath(".gguf")));
    }

    [Fact]
    public void Layers_of_many_large_keys_are_refused_for_their_product()
    {
        GgufDraft draft = Sparse(256, 256, 1024, 1, 1, 1, 16);
        draft.Keys["qwen3.block_count"] = 4096u;
        AssertRefusedCheaply(draft.Write(_files.NewPath(".gguf")));
    }

    [Theory]
    [InlineData("""{ "num_attention_heads": 4194304, "num_key_value_heads": 1, "head_dim": 2 }""")]
    [InlineData("""{ "num_attention_heads": 8388608, "num_key_value_heads": 8388608, "head_dim": 2 }""")]
    [InlineData("""{ "head_dim": 2048 }""")]
    [InlineData("""{ "head_dim": 1073741824 }""")]
    [InlineData("""{ "intermediate_size": 16777208 }""")]
    [InlineData("""{ "hidden_size": 16777208 }""")]
    [InlineData("""{ "vocab_size": 16777208 }""")]
    [InlineData("""{ "num_hidden_layers": 16777215 }""")]
    [InlineData("""{ "num_hidden_layers": 16777215, "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 3 }""")]
    [InlineData("""{ "max_position_embeddings": 2147483647 }""")]
    [InlineData("""{ "mem_dim": 16777215 }""")]
    [InlineData("""{ "mem_dim": 262144, "num_hidden_layers": 4096 }""")]
    public void A_folder_of_sizes_beyond_every_model_is_refused(string settings) => AssertRefusedCheaply(_files.Folder(settings));

    [Fact]
    public void Wide_heads_run_with_keys_in_eight_bits()
    {
        TinyCheckpoint checkpoint = HostileFiles.Dense with { Heads = 2, KvHeads = 1, HeadDimension = 1024, Hidden = 8, FeedForward = 8 };
        HostileFiles.Run(_files.Gguf(checkpoint, _ => { }));
        HostileFiles.Run(_files.Folder(checkpoint));
    }

    [Fact]
    public void Many_heads_over_one_run()
    {
        TinyCheckpoint checkpoint = HostileFiles.Dense with { Heads = 1024, KvHeads = 1, HeadDimension = 2, Hidden = 2, FeedForward = 2 };
        Assert.Equal(HostileFiles.Logits(_files.Folder(checkpoint)), HostileFiles.Logits(_files.Gguf(checkpoint, _ => { })));
    }

    /// <summary>Everything as small as it can be.</summary>
    [Fact]
    public void One_of_everything_runs()
    {
        TinyCheckpoint checkpoint = HostileFiles.Dense with { Heads = 1, KvHeads = 1, HeadDimension = 2, Hidden = 1, FeedForward = 1, Layers = 1, Context = 8 };
        Assert.Equal(HostileFiles.Logits(_files.Folder(checkpoint)), HostileFiles.Logits(_files.Gguf(checkpoint, _ => { })));
        HostileFiles.Run(_files.Gguf(checkpoint, _ => { }));
    }

    private static void AssertRefusedCheaply(string path)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        HostileFiles.Refused(path);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    /// <summary>A sound file of the sizes: zeros, which take no room, in the tensors that fit together.</summary>
    private static GgufDraft Sparse(int heads, int kvHeads, int head, int layers, int feedForward, int hidden, int vocabulary)
    {
        GgufDraft draft = new();
        foreach ((string key, int value) in new[]
        {
            ("context_length", 64), ("embedding_length", hidden), ("block_count", layers), ("feed_forward_length", feedForward),
            ("attention.head_count", heads), ("attention.head_count_kv", kvHeads), ("attention.key_length", head), ("attention.value_length", head),
        })
        {
            draft.Keys[$"qwen3.{key}"] = (uint)value;
        }
        draft.Keys["general.architecture"] = "qwen3";
        draft.Tensors["token_embd.weight"] = Matrix(vocabulary, hidden);
        for (int layer = 0; layer < layers; layer++)
        {
            draft.Tensors[$"blk.{layer}.attn_norm.weight"] = Matrix(1, hidden);
            draft.Tensors[$"blk.{layer}.attn_q.weight"] = Matrix((long)heads * head, hidden);
            draft.Tensors[$"blk.{layer}.attn_k.weight"] = Matrix((long)kvHeads * head, hidden);
            draft.Tensors[$"blk.{layer}.attn_v.weight"] = Matrix((long)kvHeads * head, hidden);
            draft.Tensors[$"blk.{layer}.attn_output.weight"] = Matrix(hidden, (long)heads * head);
            draft.Tensors[$"blk.{layer}.ffn_norm.weight"] = Matrix(1, hidden);
            draft.Tensors[$"blk.{layer}.ffn_gate.weight"] = Matrix(feedForward, hidden);
            draft.Tensors[$"blk.{layer}.ffn_up.weight"] = Matrix(feedForward, hidden);
            draft.Tensors[$"blk.{layer}.ffn_down.weight"] = Matrix(hidden, feedForward);
        }
        draft.Tensors["output_norm.weight"] = Matrix(1, hidden);
        return draft;

        static DraftTensor Matrix(long rows, long columns) => new(rows == 1 ? [columns] : [columns, rows], null, GgmlType.F16);
    }
}
