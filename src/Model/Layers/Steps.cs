using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Operations;

namespace MeKi.Model.Layers;

/// <summary>y ← RMSNorm(x).</summary>
internal readonly struct NormalizeStep(ActivationMatrix x, float[] weight, float eps, ActivationMatrix y) : ILoopStep
{
    public void Invoke(int token) => RmsNorm.Normalize(x.Row(token), weight, eps, y.Row(token));
}

/// <summary>y ← scale · y + bias: what a product leaves to be done.</summary>
internal readonly struct CompleteStep(ActivationMatrix y, Linear linear) : ILoopStep
{
    public void Invoke(int token)
    {
        Span<float> row = y.Row(token);
        if (linear.Scale != 1)
            TensorPrimitives.Multiply(row, linear.Scale, row);
        if (linear.Bias is not null)
            TensorPrimitives.Add(row, linear.Bias, row);
    }
}

/// <summary>x ← scale · x.</summary>
internal readonly struct ScaleStep(ActivationMatrix x, float scale) : ILoopStep
{
    public void Invoke(int token) => TensorPrimitives.Multiply(x.Row(token), scale, x.Row(token));
}

/// <summary>x ← x + RMSNorm(y), in place of y.</summary>
internal readonly struct AddNormalizedStep(ActivationMatrix y, float[] weight, float eps, ActivationMatrix x) : ILoopStep
{
    public void Invoke(int token)
    {
        new NormalizeStep(y, weight, eps, y).Invoke(token);
        new AddStep(y, x).Invoke(token);
    }
}

/// <summary>to ← scale · (a + b + c + d).</summary>
internal readonly struct GatherStep(
    float scale, ActivationMatrix to, ActivationMatrix a, ActivationMatrix b, ActivationMatrix c, ActivationMatrix d) : ILoopStep
{
    public void Invoke(int token)
    {
        Span<float> sum = to.Row(token);
        TensorPrimitives.Add(a.Row(token), b.Row(token), sum);
        TensorPrimitives.Add(sum, c.Row(token), sum);
        TensorPrimitives.Add(sum, d.Row(token), sum);
        TensorPrimitives.Multiply(sum, scale, sum);
    }
}

/// <summary>
/// gate ← max(gate − (mean + cut · deviation), 0). The deviation is that of a sample, as llama.cpp has it; transformers divides by n, which at real widths is
/// 6e-5 less.
/// </summary>
internal readonly struct CutStep(ActivationMatrix gate, float cut) : ILoopStep
{
    public void Invoke(int token)
    {
        Span<float> z = gate.Row(token);
        double mean = FixedSum.Of(z) / z.Length, deviation = Math.Sqrt(FixedSum.OfSquaredDistances(z, mean) / Math.Max(z.Length - 1, 1));
        TensorPrimitives.Subtract(z, (float)(mean + cut * deviation), z);
        TensorPrimitives.Max(z, 0, z);
    }
}

/// <summary>x ← x + y.</summary>
internal readonly struct AddStep(ActivationMatrix y, ActivationMatrix x) : ILoopStep
{
    public void Invoke(int token) => TensorPrimitives.Add(x.Row(token), y.Row(token), x.Row(token));
}

/// <summary>x ← x + what the branch brings.</summary>
internal readonly struct InjectStep(ActivationMatrix x, TokenRowBranch branch) : ILoopStep
{
    public void Invoke(int token) => branch.InjectRow(token, x);
}

/// <summary>Both.</summary>
internal readonly struct AddAndInjectStep(ActivationMatrix y, ActivationMatrix x, TokenRowBranch branch) : ILoopStep
{
    public void Invoke(int token)
    {
        new AddStep(y, x).Invoke(token);
        branch.InjectRow(token, x);
    }
}

/// <summary>inner ← up ⊙ act(gate) (Shazeer, arXiv 2002.05202): the fuse of rows that were computed, part by part.</summary>
internal readonly struct ActivateStep(RowFusion inner, ActivationMatrix gate, ActivationMatrix up) : ILoopStep
{
    public void Invoke(int part) => inner.FusePart(part, up, gate);
}

/// <summary>The branch's v.</summary>
internal readonly struct FuseStep(TokenRowBranch branch, int[] tokens) : ILoopStep
{
    public void Invoke(int token) => branch.FuseRow(token, tokens[token]);
}

/// <summary>Both: parts of the one, then tokens of the other.</summary>
internal readonly struct ActivateAndFuseStep(RowFusion inner, ActivationMatrix gate, ActivationMatrix up, TokenRowBranch branch, int[] tokens) : ILoopStep
{
    public void Invoke(int item)
    {
        int token = item - inner.Parts;
        if (token < 0)
            inner.FusePart(item, up, gate);
        else
            branch.FuseRow(token, tokens[token]);
    }
}
