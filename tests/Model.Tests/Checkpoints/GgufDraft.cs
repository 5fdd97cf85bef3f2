using MeKi.Model.Gguf;
using MeKi.Model.Tests.Gguf;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>A tensor of a GGUF file in the making.</summary>
/// <param name="Dimensions">In GGUF order, fastest first.</param>
/// <param name="Bytes">What it holds; null for zeros, which take no room on disk.</param>
internal sealed record DraftTensor(long[] Dimensions, byte[]? Bytes = null, GgmlType Type = GgmlType.F32)
{
    public static DraftTensor Of(long[] dimensions, float[] values) => new(dimensions, [.. values.SelectMany(BitConverter.GetBytes)]);

    /// <summary>A tensor whose values are all one number.</summary>
    public static DraftTensor Filled(float value, params long[] dimensions) =>
        Of(dimensions, [.. Enumerable.Repeat(value, (int)dimensions.Aggregate(1L, (product, length) => product * length))]);

    public long ByteLength => Bytes?.Length
        ?? Dimensions.Aggregate(1L, (product, length) => product * length) * (Type == GgmlType.F32 ? 4 : 2);
}

/// <summary>
/// A GGUF file in the making, whose keys and tensors a test changes at will before it is written, by hand and not by the writer under test. A key's
/// value is any number, bool, string or array of these; its type in .NET is its type in the file.
/// </summary>
internal sealed class GgufDraft
{
    private const int Alignment = 32;

    private static readonly Dictionary<string, string> Global = new()
    {
        ["model.embed_tokens.weight"] = "token_embd.weight",
        ["model.norm.weight"] = "output_norm.weight",
        ["lm_head.weight"] = "output.weight",
    };

    private static readonly Dictionary<string, string> Layer = new()
    {
        ["input_layernorm"] = "attn_norm",
        ["q_proj"] = "attn_q",
        ["k_proj"] = "attn_k",
        ["v_proj"] = "attn_v",
        ["q_norm"] = "attn_q_norm",
        ["k_norm"] = "attn_k_norm",
        ["o_proj"] = "attn_output",
        ["post_attention_layernorm"] = "ffn_norm",
        ["gate_proj"] = "ffn_gate",
        ["up_proj"] = "ffn_up",
        ["down_proj"] = "ffn_down",
    };

    /// <summary>The metadata, in file order.</summary>
    public OrderedDictionary<string, object> Keys { get; } = [];

    /// <summary>The tensors, in file order.</summary>
    public OrderedDictionary<string, DraftTensor> Tensors { get; } = [];

    /// <summary>The dense model of a checkpoint (<see cref="TinyCheckpoint.Memory"/> 0), F32, as architecture <c>qwen3</c>, without a tokenizer.</summary>
    public static GgufDraft Dense(TinyCheckpoint checkpoint)
    {
        GgufDraft draft = new();
        draft.Keys["general.architecture"] = "qwen3";
        foreach ((string key, int value) in new[]
        {
            ("context_length", checkpoint.Context), ("embedding_length", checkpoint.Hidden), ("block_count", checkpoint.Layers),
            ("feed_forward_length", checkpoint.FeedForward), ("attention.head_count", checkpoint.Heads), ("attention.head_count_kv", checkpoint.KvHeads),
            ("attention.key_length", checkpoint.HeadDimension), ("attention.value_length", checkpoint.HeadDimension),
        })
        {
            draft.Keys[$"qwen3.{key}"] = (uint)value;
        }
        draft.Keys["qwen3.attention.layer_norm_rms_epsilon"] = 1e-6f;
        draft.Keys["qwen3.rope.freq_base"] = 500000f;
        foreach ((string name, CheckpointTensor tensor) in checkpoint.Reference())
            draft.Tensors[GgufName(name)] = DraftTensor.Of([.. tensor.Shape.Reverse()], tensor.Values);
        return draft;
    }

    /// <summary>What a file holds.</summary>
    public static GgufDraft Read(string path)
    {
        GgufDraft draft = new();
        using GgufFile file = GgufFile.Open(path);
        foreach ((string key, object value) in file.Metadata)
            draft.Keys[key] = value;
        foreach (GgufTensor tensor in file.Tensors)
            draft.Tensors[tensor.Name] = new([.. tensor.Dimensions], file.File.Span(tensor.Offset, (int)tensor.ByteLength).ToArray(), tensor.Type);
        return draft;
    }

    /// <summary>Writes the file and gives its path.</summary>
    public string Write(string path)
    {
        GgufImage image = new();
        foreach ((string key, object value) in Keys)
        {
            (uint type, byte[] bytes) = Encode(value);
            image.Key(key, type, bytes);
        }
        long offset = 0;
        foreach ((string name, DraftTensor tensor) in Tensors)
        {
            image.Tensor(name, [.. tensor.Dimensions.Select(length => (ulong)length)], tensor.Type, (ulong)offset);
            offset = Aligned(offset + tensor.ByteLength);
        }
        byte[] header = image.Build();
        using FileStream file = File.Create(path);
        file.Write(header);
        foreach (DraftTensor tensor in Tensors.Values)
        {
            file.Write(tensor.Bytes);
            // Zeros behind the end of a file are a hole.
            file.Position = header.Length + Aligned(file.Position - header.Length + (tensor.Bytes is null ? tensor.ByteLength : 0));
        }
        file.SetLength(header.Length + offset);
        return path;
    }

    private static long Aligned(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static string GgufName(string name)
    {
        string[] parts = name.Split('.');
        return parts[1] == "layers" ? $"blk.{parts[2]}.{Layer[parts[^2]]}.weight" : Global[name];
    }

    // The thirteen value types of the GGUF specification.
    private static (uint Type, byte[] Bytes) Encode(object value) => value switch
    {
        byte v => (0, [v]),
        sbyte v => (1, [(byte)v]),
        ushort v => (2, BitConverter.GetBytes(v)),
        short v => (3, BitConverter.GetBytes(v)),
        uint v => (4, BitConverter.GetBytes(v)),
        int v => (5, BitConverter.GetBytes(v)),
        float v => (6, BitConverter.GetBytes(v)),
        bool v => (7, [v ? (byte)1 : (byte)0]),
        string v => (8, GgufImage.Text(v)),
        ulong v => (10, BitConverter.GetBytes(v)),
        long v => (11, BitConverter.GetBytes(v)),
        double v => (12, BitConverter.GetBytes(v)),
        Array v => (9, EncodeArray(v)),
        _ => throw new ArgumentException($"GGUF has no type for {value.GetType()}.", nameof(value)),
    };

    private static byte[] EncodeArray(Array values)
    {
        object sample = values.Length > 0 ? values.GetValue(0)! : Activator.CreateInstance(values.GetType().GetElementType()!)!;
        return GgufImage.Array(Encode(sample).Type, (ulong)values.Length, [.. values.Cast<object>().SelectMany(each => Encode(each).Bytes)]);
    }
}
