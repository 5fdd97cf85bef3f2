using MeKi.Model.Gguf;
using MeKi.Store;

namespace MeKi.Model.Tests.Evaluation;

/// <summary>
/// The forward pass of a folded MeKi model once more, in plain float64 loops over what the public file readers give: nothing of it is shared with the engine.
/// </summary>
internal sealed class DoublePass : IDisposable
{
    private const string Architecture = "qwen3meki";

    private readonly GgufFile _file;
    private readonly RowStore _rows;
    private readonly Dictionary<string, double[][]> _matrices = [];
    private readonly int _layers, _heads, _kvHeads, _headSize;
    private readonly double _eps;
    private readonly bool _gateSeesNorm;
    private readonly string _fusion, _placement;
    private readonly int[] _windows;
    private readonly double[] _frequencies;
    private readonly double _magnitude = 1;

    public DoublePass(string folder)
    {
        _file = GgufFile.Open(Path.Combine(folder, "model.gguf"));
        _rows = RowStore.Open(Path.Combine(folder, "model.rows"));
        _layers = _file.Metadata.GetInt($"{Architecture}.block_count");
        _heads = _file.Metadata.GetInt($"{Architecture}.attention.head_count");
        _kvHeads = _file.Metadata.GetInt($"{Architecture}.attention.head_count_kv");
        _headSize = _file.Metadata.GetInt($"{Architecture}.attention.key_length");
        _eps = _file.Metadata.Get<float>($"{Architecture}.attention.layer_norm_rms_epsilon");
        _frequencies = Frequencies(out _magnitude);
        int window = _file.Metadata.TryGetInt($"{Architecture}.attention.sliding_window") ?? int.MaxValue;
        bool[] slides = _file.Metadata.GetOr($"{Architecture}.attention.sliding_window_pattern", new bool[_layers]);
        _windows = [.. slides.Select(slide => slide ? window : int.MaxValue)];
        _gateSeesNorm = _file.Metadata.Get<string>($"{Architecture}.meki.gate_input") == "normalized";
        _fusion = _file.Metadata.Get<string>($"{Architecture}.meki.fusion");
        _placement = _file.Metadata.Get<string>($"{Architecture}.meki.placement");
    }

    public void Dispose()
    {
        _rows.Dispose();
        _file.Dispose();
    }

    /// <summary>Negative log-likelihood of each token but the first, given those before it.</summary>
    public double[] Nll(int[] tokens)
    {
        double[][] embedding = Matrix("token_embd.weight");
        double[][] a = [.. tokens.Select(token => (double[])embedding[token].Clone())];
        using RowLease lease = _rows.Lease(tokens);
        for (int layer = 0; layer < _layers; layer++)
        {
            string name = $"blk.{layer}";
            double[][] normalized = [.. a.Select(x => Norm(x, $"{name}.attn_norm.weight"))], attended = Attend(name, _windows[layer], normalized);
            for (int t = 0; t < a.Length; t++)
            {
                double[] gateInput = _gateSeesNorm ? normalized[t] : [.. a[t]];
                Add(a[t], Times($"{name}.attn_output.weight", attended[t]));
                InjectAt("parallel_attention", gateInput);
                InjectAt("after_attention", Seen());

                gateInput = Seen();
                double[] h = Norm(a[t], $"{name}.ffn_norm.weight");
                double[] gate = Times($"{name}.ffn_gate.weight", h), up = Times($"{name}.ffn_up.weight", h);
                double[] inner = [.. gate.Select((g, i) => g * Sigmoid(g) * up[i])];
                Add(a[t], Times($"{name}.ffn_down.weight", inner));
                InjectAt("parallel_ffn", gateInput);
                InjectAt("after_ffn", Seen());

                // What a gate beside or behind the FFN sees of the stream as it is now.
                double[] Seen() => _gateSeesNorm ? Norm(a[t], $"{name}.ffn_norm.weight") : [.. a[t]];

                void InjectAt(string placement, double[] seen)
                {
                    if (placement != _placement)
                        return;
                    float[] expert = new float[_rows.Layout.Dimension];
                    lease.Decode(t, layer, expert);
                    double[] v = [.. Times($"{name}.meki_gate.weight", seen).Select((g, i) => Fused(expert[i], g))];
                    Add(a[t], Norm(Times($"{name}.meki_out.weight", v), $"{name}.meki_post_norm.weight"));
                }
            }
        }

        string head = _file.TryGetTensor("output.weight", out _) ? "output.weight" : "token_embd.weight";
        double[] nll = new double[tokens.Length - 1];
        for (int t = 0; t < nll.Length; t++)
        {
            double[] logits = Times(head, Norm(a[t], "output_norm.weight"));
            double max = logits.Max();
            nll[t] = max + Math.Log(logits.Sum(logit => Math.Exp(logit - max))) - logits[tokens[t + 1]];
        }
        return nll;
    }

    private double[][] Attend(string name, int window, double[][] h)
    {
        double[][] q = [.. h.Select((x, t) => Turned(Times($"{name}.attn_q.weight", x), $"{name}.attn_q_norm.weight", t))];
        double[][] k = [.. h.Select((x, t) => Turned(Times($"{name}.attn_k.weight", x), $"{name}.attn_k_norm.weight", t))];
        double[][] v = [.. h.Select(x => Times($"{name}.attn_v.weight", x))];
        double[][] output = new double[h.Length][];
        for (int t = 0; t < h.Length; t++)
        {
            output[t] = new double[_heads * _headSize];
            for (int head = 0; head < _heads; head++)
            {
                int from = head * _headSize, kv = head / (_heads / _kvHeads) * _headSize;
                double[] weights = new double[t + 1];
                int first = Math.Max(0, t + 1 - window);
                for (int s = first; s <= t; s++)
                {
                    for (int i = 0; i < _headSize; i++)
                        weights[s] += q[t][from + i] * k[s][kv + i];
                    weights[s] = Math.Exp(weights[s] / Math.Sqrt(_headSize));
                }
                double total = weights.Sum();
                for (int s = 0; s <= t; s++)
                {
                    for (int i = 0; i < _headSize; i++)
                        output[t][from + i] += weights[s] / total * v[s][kv + i];
                }
            }
        }
        return output;
    }

    // The keys and the tensor that llama.cpp knows, by its formulas (ggml's rope_yarn, rope_yarn_ramp and ggml_rope_yarn_corr_dims).
    private double[] Frequencies(out double magnitude)
    {
        GgufMetadata keys = _file.Metadata;
        double theta = keys.Get<float>($"{Architecture}.rope.freq_base");
        double[] frequencies = [.. Enumerable.Range(0, _headSize / 2).Select(i => Math.Pow(theta, -2.0 * i / _headSize))];
        magnitude = 1;
        if (_file.TryGetTensor("rope_freqs.weight", out _))
            frequencies = [.. frequencies.Zip(Matrix("rope_freqs.weight")[0], (frequency, divisor) => frequency / divisor)];
        string type = keys.GetOr($"{Architecture}.rope.scaling.type", "none");
        if (type == "none")
            return frequencies;
        double scale = 1.0 / keys.Get<float>($"{Architecture}.rope.scaling.factor");
        if (type == "linear")
            return [.. frequencies.Select(frequency => frequency * scale)];
        int original = keys.GetInt($"{Architecture}.rope.scaling.original_context_length");
        double start = Math.Max(0, Math.Floor(Pair("yarn_beta_fast"))), end = Math.Min(_headSize - 1, Math.Ceiling(Pair("yarn_beta_slow")));
        magnitude = keys.Get<float>($"{Architecture}.rope.scaling.attn_factor") * (1 + 0.1 * Math.Log(1 / scale));
        return [.. frequencies.Select((frequency, i) =>
        {
            double mix = 1 - Math.Min(1, Math.Max(0, (i - start) / Math.Max(0.001, end - start)));
            return frequency * scale * (1 - mix) + frequency * mix;
        })];

        double Pair(string beta) =>
            _headSize * Math.Log(original / (keys.Get<float>($"{Architecture}.rope.scaling.{beta}") * 2 * Math.PI)) / (2 * Math.Log(theta));
    }

    private double[] Turned(double[] heads, string norm, int position)
    {
        int half = _headSize / 2;
        double[] turned = [];
        foreach (double[] head in heads.Chunk(_headSize))
        {
            double[] x = Norm(head, norm), y = new double[_headSize];
            for (int i = 0; i < half; i++)
            {
                double angle = position * _frequencies[i], sine = _magnitude * Math.Sin(angle), cosine = _magnitude * Math.Cos(angle);
                y[i] = x[i] * cosine - x[i + half] * sine;
                y[i + half] = x[i + half] * cosine + x[i] * sine;
            }
            turned = [.. turned, .. y];
        }
        return turned;
    }

    private double[] Norm(double[] x, string weight)
    {
        double[] w = Matrix(weight)[0];
        double scale = 1 / Math.Sqrt(x.Sum(value => value * value) / x.Length + _eps);
        return [.. x.Select((value, i) => value * scale * w[i])];
    }

    private double[] Times(string weight, double[] x)
    {
        double[][] w = Matrix(weight);
        double[] y = new double[w.Length];
        for (int row = 0; row < w.Length; row++)
        {
            double[] values = w[row];
            double sum = 0;
            for (int i = 0; i < x.Length; i++)
                sum += values[i] * x[i];
            y[row] = sum;
        }
        return y;
    }

    private double[][] Matrix(string name)
    {
        if (!_matrices.TryGetValue(name, out double[][]? rows))
        {
            GgufTensor tensor = _file.GetTensor(name);
            int columns = (int)tensor.Dimensions[0], count = tensor.Dimensions.Length > 1 ? (int)tensor.Dimensions[1] : 1;
            float[] values = new float[count * columns];
            CanonicalBlocks.FormatOf(tensor).Decode(CanonicalBlocks.Of(_file, tensor), values);
            _matrices[name] = rows = [.. values.Select(value => (double)value).Chunk(columns)];
        }
        return rows;
    }

    private double Fused(double e, double g) => _fusion switch
    {
        "additive_sigmoid" => e + Sigmoid(g),
        "additive_silu" => e + g * Sigmoid(g),
        "multiplicative_sigmoid" => e * Sigmoid(g),
        "multiplicative_silu" => e * g * Sigmoid(g),
        _ => throw new InvalidOperationException(_fusion),
    };

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static void Add(double[] sum, double[] addend)
    {
        for (int i = 0; i < sum.Length; i++)
            sum[i] += addend[i];
    }
}
