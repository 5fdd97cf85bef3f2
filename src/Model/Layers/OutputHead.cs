using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Sampling;

namespace MeKi.Model.Layers;

/// <summary>
/// Logits = W_head · h. Those of a single token come in two parts, so that a guess at the next token, the likeliest of the first part, is there while the
/// second is computed.
/// </summary>
/// <remarks>Of English text and of C# all ids of Qwen's vocabulary lie in its first three quarters, 98 to 99 % in its first half.</remarks>
internal sealed class OutputHead
{
    // Below, what is left of the product takes less than 0.2 ms: no disk has read a row by then.
    private const long LeastBytesToDivide = 16 << 20;

    private readonly Linear _linear;
    private readonly MatMul _matMul;
    private readonly ParallelLoop _each;
    private readonly float _cap;
    private readonly IReadOnlyList<int> _suppressed;
    private readonly PanelMatrix _first, _rest;
    private readonly ActivationMatrix _logits = new(), _firstLogits = new(), _restLogits = new();

    /// <param name="linear">W_head, [V × d].</param>
    /// <param name="matMul">Computes.</param>
    /// <param name="each">Likewise, element by element.</param>
    /// <param name="cap">c of c · tanh(logit / c); 0 for none.</param>
    /// <param name="suppressed">Tokens whose logits are −∞.</param>
    public OutputHead(Linear linear, MatMul matMul, ParallelLoop each, float cap, IReadOnlyList<int> suppressed)
    {
        (_linear, _matMul, _each, _cap, _suppressed) = (linear, matMul, each, cap, suppressed);
        int panels = linear.Weight.Panels * 3 / 4;
        (_first, _rest) = (linear.Weight.Slice(0, panels), linear.Weight.Slice(panels, linear.Weight.Panels - panels));
    }

    /// <summary>W_head.</summary>
    public Linear Linear => _linear;

    /// <summary>Panels of the first part.</summary>
    public int FirstPanels => _first.Panels;

    /// <summary>Whether a single token's logits come in parts.</summary>
    public bool IsDivided => _first.Rows > 0 && _linear.Weight.ByteLength >= LeastBytesToDivide;

    /// <summary>Computes the logits of some tokens.</summary>
    /// <param name="tokens">How many.</param>
    /// <param name="h">Normalised, [n × d].</param>
    /// <param name="logits">Receives them, [n × V].</param>
    /// <param name="capped">Whether the soft cap is applied.</param>
    public void Run(int tokens, ActivationMatrix h, Span<float> logits, bool capped = true)
    {
        Multiply(tokens, h, _linear.Weight, _logits);
        int vocabulary = _linear.Weight.Rows;
        for (int token = 0; token < tokens; token++)
            Give(_logits.Row(token), logits.Slice(token * vocabulary, vocabulary), 0, capped);
    }

    /// <summary>Computes the first part of a token's logits.</summary>
    /// <returns>How many there are.</returns>
    public int RunFirst(ActivationMatrix h, Span<float> logits, bool capped = true)
    {
        Multiply(1, h, _first, _firstLogits);
        Give(_firstLogits.Row(0), logits, 0, capped);
        return _first.Rows;
    }

    /// <summary>Computes the others.</summary>
    public void RunRest(ActivationMatrix h, Span<float> logits, bool capped = true)
    {
        Multiply(1, h, _rest, _restLogits);
        Give(_restLogits.Row(0), logits[_first.Rows..], _first.Rows, capped);
    }

    private void Multiply(int tokens, ActivationMatrix h, PanelMatrix weight, ActivationMatrix logits)
    {
        logits.Shape(weight.Rows);
        _matMul.Run(tokens, (h, weight, logits));
    }

    private void Give(Span<float> computed, Span<float> logits, int firstToken, bool capped)
    {
        if (_cap > 0 && capped)
            Cap(computed);
        if (_linear.Scale == 1)
            computed.CopyTo(logits);
        else
            System.Numerics.Tensors.TensorPrimitives.Multiply(computed, _linear.Scale, logits);
        for (int i = 0; i < _suppressed.Count; i++)
        {
            if ((uint)(_suppressed[i] - firstToken) < (uint)computed.Length)
                logits[_suppressed[i] - firstToken] = float.NegativeInfinity;
        }
    }

    private unsafe void Cap(Span<float> logits)
    {
        // Matrices of activations do not move.
        fixed (float* first = logits)
            _each.Run((logits.Length + SoftCap.Chunk - 1) / SoftCap.Chunk, new CapStep(first, logits.Length, _cap));
    }

    private readonly unsafe struct CapStep(float* logits, int count, float cap) : ILoopStep
    {
        private readonly float* _logits = logits;

        public void Invoke(int chunk) =>
            SoftCap.Apply(new(_logits + chunk * SoftCap.Chunk, Math.Min(SoftCap.Chunk, count - chunk * SoftCap.Chunk)), cap);
    }
}
