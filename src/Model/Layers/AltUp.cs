using System.Numerics;
using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Architectures;

namespace MeKi.Model.Layers;

/// <summary>
/// Alternating updates (Baykal et al., arXiv 2301.13310), as Gemma 3n has them: a layer computes the first of four residual streams; before it all streams are
/// predicted, and behind it corrected by what the layer made of the first. How much is what a router tells of the first stream.
/// </summary>
internal static class AltUp
{
    /// <summary>Streams: <see cref="Pass.X"/>, which is computed, and <see cref="Pass.Sides"/>.</summary>
    public const int Streams = 4;

    /// <summary>The other streams are made of the embedding: x[i] ← P[i] x, as long as x.</summary>
    public static void Enter(Pass p)
    {
        LayerWeights w = p.Globals;
        p.Multiply((p.X, w[Role.AltUpEntry], p.Sides[0]), (p.X, w[Role.AltUpEntry2], p.Sides[1]), (p.X, w[Role.AltUpEntry3], p.Sides[2]));
        p.Each(new LengthStep(p.X, p.Sides[0], p.Sides[1], p.Sides[2]));
    }

    /// <summary>x[i] ← x[i] + Σ q[i, j] x[j], q = W tanh(router(x[0])).</summary>
    public static void Predict(Pass p, LayerWeights w) => p.Each(new PredictStep(p, w));

    /// <summary>x[i] ← x[i] + (1 + c[i]) (a − x[0]), c = W tanh(router(a)), a what the layer made of the first stream; and h ← scale ∘ x[0].</summary>
    public static void Correct(Pass p, LayerWeights w) => p.Each(new CorrectStep(p, w));

    /// <summary>What the rows bring, gated by h, goes to all streams but the first.</summary>
    public static void Inject(Pass p, LayerWeights w, TokenRowBranch branch)
    {
        branch.TurnTo(w, Placement.AfterFeedForward, p.H, p.H);
        p.Multiply(branch.GateProduct);
        p.Fuse(branch);
        p.Multiply(branch.OutputProduct);
        p.Each(new InjectStep(p, branch));
    }

    /// <summary>x ← the mean of x[0] and U[i] x[i], each as long as x[0].</summary>
    public static void Exit(Pass p)
    {
        p.Multiply((p.Sides[0], p.Globals[Role.AltUpExit], p.Y), (p.Sides[1], p.Globals[Role.AltUpExit2], p.A), (p.Sides[2], p.Globals[Role.AltUpExit3], p.R));
        p.Each(new LengthStep(p.X, p.Y, p.A, p.R));
        p.Gather(1f / Streams, p.X, p.X, p.Y, p.A, p.R);
    }

    /// <summary>tanh(router(x)), [4].</summary>
    private static void Route(Pass p, LayerWeights w, ReadOnlySpan<float> x, Span<float> scratch, Span<float> modes)
    {
        RmsNorm.Normalize(x, w.Vector(Role.AltUpRouterNorm)!, p.Config.NormEps, scratch);
        TensorPrimitives.Multiply(scratch, 1f / x.Length, scratch);
        ReadOnlySpan<float> router = w.Vector(Role.AltUpRouter);
        for (int i = 0; i < Streams; i++)
            modes[i] = (float)(1 - 2 / (FixedMath.Exp(2 * FixedSum.OfProducts(scratch, router[(i * x.Length)..])) + 1));
    }

    private static float Dot(ReadOnlySpan<float> row, ReadOnlySpan<float> modes) =>
        (row[0] * modes[0] + row[1] * modes[1]) + (row[2] * modes[2] + row[3] * modes[3]);

    /// <summary>Gives three rows the length of a fourth.</summary>
    private readonly struct LengthStep(ActivationMatrix x, ActivationMatrix a, ActivationMatrix b, ActivationMatrix c) : ILoopStep
    {
        public void Invoke(int token)
        {
            float length = MathF.Sqrt(FixedSum.OfSquares(x.Row(token)));
            Scale(a.Row(token), length);
            Scale(b.Row(token), length);
            Scale(c.Row(token), length);
        }

        private static void Scale(Span<float> row, float length)
        {
            float own = MathF.Sqrt(FixedSum.OfSquares(row));
            TensorPrimitives.Multiply(row, own > 0 ? length / own : 0, row);
        }
    }

    private readonly struct PredictStep(Pass p, LayerWeights w) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> modes = stackalloc float[Streams], q = stackalloc float[Streams * Streams];
            Span<float> x = p.X.Row(token), x1 = p.Sides[0].Row(token), x2 = p.Sides[1].Row(token), x3 = p.Sides[2].Row(token);
            Route(p, w, x, p.H.Row(token), modes);
            ReadOnlySpan<float> coefficients = w.Vector(Role.AltUpPredict);
            for (int i = 0; i < q.Length; i++)
                q[i] = Dot(coefficients[(i * Streams)..], modes);
            int at = 0;
            for (; at + Vector<float>.Count <= x.Length; at += Vector<float>.Count)
            {
                Vector<float> a = new(x[at..]), b = new(x1[at..]), c = new(x2[at..]), d = new(x3[at..]);
                (a + ((a * q[0] + b * q[1]) + (c * q[2] + d * q[3]))).CopyTo(x[at..]);
                (b + ((a * q[4] + b * q[5]) + (c * q[6] + d * q[7]))).CopyTo(x1[at..]);
                (c + ((a * q[8] + b * q[9]) + (c * q[10] + d * q[11]))).CopyTo(x2[at..]);
                (d + ((a * q[12] + b * q[13]) + (c * q[14] + d * q[15]))).CopyTo(x3[at..]);
            }
            for (; at < x.Length; at++)
            {
                (float a, float b, float c, float d) = (x[at], x1[at], x2[at], x3[at]);
                x[at] = a + ((a * q[0] + b * q[1]) + (c * q[2] + d * q[3]));
                x1[at] = b + ((a * q[4] + b * q[5]) + (c * q[6] + d * q[7]));
                x2[at] = c + ((a * q[8] + b * q[9]) + (c * q[10] + d * q[11]));
                x3[at] = d + ((a * q[12] + b * q[13]) + (c * q[14] + d * q[15]));
            }
        }
    }

    private readonly struct CorrectStep(Pass p, LayerWeights w) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> modes = stackalloc float[Streams];
            Span<float> x = p.X.Row(token), difference = p.A.Row(token), scratch = p.H.Row(token);
            Route(p, w, difference, scratch, modes);
            TensorPrimitives.Subtract(difference, x, difference);
            ReadOnlySpan<float> coefficients = w.Vector(Role.AltUpCorrect);
            for (int i = 0; i < Streams; i++)
            {
                Span<float> stream = i == 0 ? x : p.Sides[i - 1].Row(token);
                TensorPrimitives.Multiply(difference, Dot(coefficients[(i * Streams)..], modes) + 1, scratch);
                TensorPrimitives.Add(stream, scratch, stream);
            }
            TensorPrimitives.Multiply(x, w.Vector(Role.AltUpCorrectScale)!, scratch);
        }
    }

    private readonly struct InjectStep(Pass p, TokenRowBranch branch) : ILoopStep
    {
        public void Invoke(int token) => branch.InjectRow(token, p.Sides);
    }
}
