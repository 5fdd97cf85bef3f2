using System.Runtime.InteropServices;
using MeKi.Model.Gguf;

namespace MeKi.Model.Tests.Reference;

/// <summary>
/// Gemma 3, 3n and 4 in float64, after transformers' code and written apart from the engine: plain loops over arrays of a small F32 file. GELU is looked up in
/// half precision, as ggml's CPU code does.
/// </summary>
internal sealed class GemmaReference(GgufFile file)
{
    private const double Eps = 1e-6;

    private readonly string _family = file.Metadata.Get<string>("general.architecture");
    private readonly Dictionary<string, double[]> _weights = file.Tensors.ToDictionary(tensor => tensor.Name,
        tensor => MemoryMarshal.Cast<byte, float>(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength)).ToArray().Select(value => (double)value).ToArray());

    /// <summary>Logits of all tokens, [n × V].</summary>
    public double[][] Logits(int[] ids)
    {
        int d = Int("embedding_length"), layers = Int("block_count"), m = Try("embedding_length_per_layer_input") ?? 0;
        int own = layers - (_family == "gemma3n" ? 3 : Try("attention.shared_kv_layers") ?? 0);
        double[][] x = [.. ids.Select(id => Times(Row("token_embd.weight", id, d), Math.Sqrt(d)))];
        double[][][] rows = [.. ids.Select((id, t) => PerLayer(id, x[t], layers, m, d))];
        double[][][] streams = _family == "gemma3n" ? Streams(x, d) : [x];
        Dictionary<bool, (double[][] Keys, double[][] Values)> cache = [];
        for (int layer = 0; layer < layers; layer++)
        {
            if (_family == "gemma3n")
                streams = Predict(streams, layer, d);
            double[][] now = streams[0], h = [.. now.Select(row => Norm(row, $"blk.{layer}.attn_norm.weight"))];
            double[][] attended = Attend(h, layer, layer < own, cache);
            double[][] made = new double[ids.Length][];
            for (int t = 0; t < ids.Length; t++)
            {
                double[] a = Plus(now[t], Norm(Multiply($"blk.{layer}.attn_output.weight", attended[t]), $"blk.{layer}.post_attention_norm.weight"));
                if (_family == "gemma3n")
                {
                    double[] low = Multiply($"blk.{layer}.laurel_r.weight", Multiply($"blk.{layer}.laurel_l.weight", h[t]));
                    a = Times(Plus(a, Plus(h[t], Norm(low, $"blk.{layer}.laurel_post_norm.weight"))), Math.Sqrt(0.5));
                }
                made[t] = Plus(a, FeedForward(a, layer));
            }
            if (_family == "gemma3n")
                Correct(streams, made, layer, rows);
            else
                streams = [m == 0 ? made
                    : [.. made.Select((row, t) =>
                    Times(Plus(row, Injected(row, layer, rows[t][layer])), _weights[$"blk.{layer}.layer_output_scale.weight"][0]))]];
        }
        double cap = file.Metadata.TryGetFloat($"{_family}.final_logit_softcapping") ?? 0;
        return [.. Enumerable.Range(0, ids.Length).Select(t =>
        {
            double[] logits = Multiply("token_embd.weight", Norm(_family == "gemma3n" ? Merge(streams, t, d) : streams[0][t], "output_norm.weight"));
            return cap > 0 ? Array.ConvertAll(logits, logit => cap * Math.Tanh(logit / cap)) : logits;
        })];
    }

    private double[][] PerLayer(int id, double[] x, int layers, int m, int d)
    {
        if (m == 0)
            return [];
        double[] table = Row("per_layer_token_embd.weight", id, layers * m), projected = Times(Multiply("per_layer_model_proj.weight", x), 1 / Math.Sqrt(d));
        return [.. Enumerable.Range(0, layers).Select(layer =>
            Times(Plus(Norm(projected[(layer * m)..((layer + 1) * m)], "per_layer_proj_norm.weight"),
                Times(table[(layer * m)..((layer + 1) * m)], Math.Sqrt(m))), Math.Sqrt(0.5)))];
    }

    private double[][] Attend(double[][] h, int layer, bool stores, Dictionary<bool, (double[][] Keys, double[][] Values)> cache)
    {
        bool slides = Slides(layer);
        int size = slides ? Try("attention.key_length_swa") ?? Int("attention.key_length") : Int("attention.key_length");
        int heads = Int("attention.head_count"), kvHeads = Int("attention.head_count_kv"), window = slides ? Int("attention.sliding_window") : int.MaxValue;
        if (stores)
        {
            double[][] keys =
                [.. h.Select((row, t) => Heads(Multiply($"blk.{layer}.attn_k.weight", row), size, head =>
                Turn(Norm(head, $"blk.{layer}.attn_k_norm.weight"), t, slides)))];
            double[][] values =
                [.. h.Select(row => Heads(Multiply($"blk.{layer}.attn_v.weight", row), size, head => _family == "gemma3" ? head : Norm(head, null)))];
            cache[slides] = (keys, values);
        }
        (double[][] k, double[][] v) = cache[slides];
        double scale = _family == "gemma3" ? 1 / Math.Sqrt(size) : 1;
        return [.. h.Select((row, t) =>
        {
            double[] q = Heads(Multiply($"blk.{layer}.attn_q.weight", row), size, head => Turn(Norm(head, $"blk.{layer}.attn_q_norm.weight"), t, slides)),
                sums = new double[q.Length];
            for (int head = 0; head < heads; head++)
            {
                int at = head * size, kvAt = head / (heads / kvHeads) * size, first = (int)Math.Max(0, t + 1L - window);
                double[] scores = [.. Enumerable.Range(first, t + 1 - first)
                    .Select(s => scale * Enumerable.Range(0, size).Sum(i => q[at + i] * k[s][kvAt + i]))];
                double most = scores.Max(), total = scores.Sum(score => Math.Exp(score - most));
                for (int s = first; s <= t; s++)
                {
                    for (int i = 0; i < size; i++)
                        sums[at + i] += Math.Exp(scores[s - first] - most) / total * v[s][kvAt + i];
                }
            }
            return sums;
        })];
    }

    private double[] FeedForward(double[] a, int layer)
    {
        double[] f = Norm(a, $"blk.{layer}.ffn_norm.weight"), gate = Multiply($"blk.{layer}.ffn_gate.weight", f),
            up = Multiply($"blk.{layer}.ffn_up.weight", f);
        if (_family == "gemma3n" && layer < 10)
        {
            double mean = gate.Average(), deviation = Math.Sqrt(gate.Sum(z => (z - mean) * (z - mean)) / (gate.Length - 1));
            gate = Array.ConvertAll(gate, z => Math.Max(z - (mean + 1.6448533535003662 * deviation), 0));
        }
        return Norm(Multiply($"blk.{layer}.ffn_down.weight", [.. gate.Zip(up, (z, u) => Gelu(z) * u)]), $"blk.{layer}.post_ffw_norm.weight");
    }

    private double[] Injected(double[] stream, int layer, double[] row) => Norm(
        Multiply($"blk.{layer}.proj.weight", [.. Multiply($"blk.{layer}.inp_gate.weight", stream).Zip(row, (gate, e) => Gelu(gate) * e)]),
            $"blk.{layer}.post_norm.weight");

    private double[][][] Streams(double[][] x, int d) =>
        [x, .. Enumerable.Range(0, 3).Select(i => x.Select(row => AsLongAs(row, Slice("altup_proj.weight", i, row, d))).ToArray())];

    private double[][][] Predict(double[][][] streams, int layer, int d) => [.. Enumerable.Range(0, 4).Select(i => streams[i].Select((row, t) =>
    {
        double[] q = Multiply($"blk.{layer}.altup_predict_coef.weight", Route(streams[0][t], layer));
        return Enumerable.Range(0, d).Select(c => row[c] + Enumerable.Range(0, 4).Sum(j => q[4 * i + j] * streams[j][t][c])).ToArray();
    }).ToArray())];

    private void Correct(double[][][] streams, double[][] made, int layer, double[][][] rows)
    {
        for (int t = 0; t < made.Length; t++)
        {
            double[] c = Multiply($"blk.{layer}.altup_correct_coef.weight", Route(made[t], layer)),
                difference = [.. made[t].Zip(streams[0][t], (a, y) => a - y)];
            for (int i = 0; i < 4; i++)
                streams[i][t] = Plus(streams[i][t], Times(difference, c[i] + 1));
            double[] gated = [.. streams[0][t].Zip(_weights[$"blk.{layer}.altup_correct_scale.weight"], (z, s) => z * s)],
                e = Injected(gated, layer, rows[t][layer]);
            for (int i = 1; i < 4; i++)
                streams[i][t] = Plus(streams[i][t], e);
        }
    }

    private double[] Merge(double[][][] streams, int t, int d)
    {
        double[] sum = streams[0][t];
        for (int i = 0; i < 3; i++)
            sum = Plus(sum, AsLongAs(streams[0][t], Slice("altup_unembd_proj.weight", i, streams[i + 1][t], d)));
        return Times(sum, 0.25);
    }

    private double[] Route(double[] x, int layer) =>
        Array.ConvertAll(Multiply($"blk.{layer}.altup_router.weight", Times(Norm(x, $"blk.{layer}.altup_router_norm.weight"), 1.0 / x.Length)), Math.Tanh);

    private static double Gelu(double x)
    {
        if (Math.Abs(x) >= 10)
            return x < 0 ? 0 : x;
        float h = (float)(Half)(float)x;
        return (double)(Half)(0.5f * h * (1 + MathF.Tanh(0.79788456f * h * (1 + 0.044715f * h * h))));
    }

    private double[] Turn(double[] head, int position, bool slides)
    {
        int half = head.Length / 2;
        double theta = slides ? file.Metadata.TryGetFloat($"{_family}.rope.freq_base_swa") ?? 1e4
            : file.Metadata.TryGetFloat($"{_family}.rope.freq_base")!.Value;
        double[] turned = new double[head.Length];
        for (int i = 0; i < half; i++)
        {
            double angle = position * Math.Pow(theta, -2.0 * i / head.Length);
            if (!slides)
                angle /= (_weights.TryGetValue("rope_freqs.weight", out double[]? divisors) ? divisors[i]
                    : 1) * (file.Metadata.TryGetFloat($"{_family}.rope.scaling.factor") ?? 1);
            (double sin, double cos) = Math.SinCos(angle);
            (turned[i], turned[half + i]) = (head[i] * cos - head[half + i] * sin, head[half + i] * cos + head[i] * sin);
        }
        return turned;
    }

    private double[] Norm(double[] x, string? weight)
    {
        double scale = 1 / Math.Sqrt(x.Sum(value => value * value) / x.Length + Eps);
        return weight is null ? Times(x, scale) : [.. x.Zip(_weights[weight], (value, w) => value * scale * w)];
    }

    private double[] Multiply(string weight, double[] x) => Multiply(_weights[weight], x);

    private double[] Slice(string weight, int slice, double[] x, int d) => Multiply(_weights[weight][(slice * d * d)..((slice + 1) * d * d)], x);

    private static double[] Multiply(double[] weight, double[] x)
    {
        double[] y = new double[weight.Length / x.Length];
        for (int row = 0; row < y.Length; row++)
        {
            for (int i = 0; i < x.Length; i++)
                y[row] += weight[row * x.Length + i] * x[i];
        }
        return y;
    }

    private bool Slides(int layer) => _family == "gemma3" ? layer % 6 < 5 : file.Metadata.Get<bool[]>($"{_family}.attention.sliding_window_pattern")[layer];

    private double[] Row(string weight, int row, int columns) => _weights[weight][(row * columns)..((row + 1) * columns)];

    private int Int(string key) => file.Metadata.GetInt($"{_family}.{key}");

    private int? Try(string key) => file.Metadata.TryGetInt($"{_family}.{key}");

    private static double[] Heads(double[] row, int size, Func<double[], double[]> each) => [.. row.Chunk(size).SelectMany(each)];

    private static double[] Plus(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double[] Times(double[] x, double factor) => Array.ConvertAll(x, value => value * factor);

    private static double[] AsLongAs(double[] target, double[] x) => Times(x, Math.Sqrt(target.Sum(value => value * value) / x.Sum(value => value * value)));
}
