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
    private readonly double _eps, _theta;
    private readonly bool _gateSeesNorm;
    private readonly string _fusion, _placement;

    public DoublePass(string folder)
    {
        _file = GgufFile.Open(Path.Combine(folder, "model.gguf"));
        _rows = RowStore.Open(Path.Combine(folder, "model.rows"));
        _layers = _file.Metadata.GetInt($"{Architecture}.block_count");
        _heads = _file.Metadata.GetInt($"{Architecture}.attention.head_count");
        _kvHeads = _file.Metadata.GetInt($"{Architecture}.attention.head_count_kv");
        _headSize = _file.Metadata.GetInt($"{Architecture}.attention.key_length");
        _eps = _file.Metadata.Get<float>($"{Architecture}.attention.layer_norm_rms_epsilon");
        _theta = _file.Metadata.Get<float>($"{Architecture}.rope.freq_base");
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
            double[][] normalized = [.. a.Select(x => Norm(x, $"{name}.attn_norm.weight"))], attended = Attend(name, normalized);
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

    private double[][] Attend(string name, double[][] h)
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
                for (int s = 0; s <= t; s++)
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

    private double[] Turned(double[] heads, string norm, int position)
    {
        int half = _headSize / 2;
        double[] turned = [];
        foreach (double[] head in heads.Chunk(_headSize))
        {
            double[] x = Norm(head, norm), y = new double[_headSize];
            for (int i = 0; i < half; i++)
            {
                double angle = position * Math.Pow(_theta, -2.0 * i / _headSize);
                y[i] = x[i] * Math.Cos(angle) - x[i + half] * Math.Sin(angle);
                y[i + half] = x[i + half] * Math.Cos(angle) + x[i] * Math.Sin(angle);
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
