using MeKi.Kernels;

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
    private readonly PanelMatrix _first, _rest;
    private readonly ActivationMatrix _logits = new(), _firstLogits = new(), _restLogits = new();

    /// <param name="linear">W_head, [V × d].</param>
    /// <param name="matMul">Computes.</param>
    public OutputHead(Linear linear, MatMul matMul)
    {
        (_linear, _matMul) = (linear, matMul);
        int panels = linear.Weight.Panels * 3 / 4;
        (_first, _rest) = (linear.Weight.Slice(0, panels), linear.Weight.Slice(panels, linear.Weight.Panels - panels));
    }

    /// <summary>Whether a single token's logits come in parts.</summary>
    public bool IsDivided => _first.Rows > 0 && _linear.Weight.ByteLength >= LeastBytesToDivide;

    /// <summary>Computes the logits of some tokens.</summary>
    /// <param name="tokens">How many.</param>
    /// <param name="h">Normalised, [n × d].</param>
    /// <param name="logits">Receives them, [n × V].</param>
    public void Run(int tokens, ActivationMatrix h, Span<float> logits)
    {
        Multiply(tokens, h, _linear.Weight, _logits);
        Give(_logits.Rows(0, tokens), logits);
    }

    /// <summary>Computes the first part of a token's logits.</summary>
    /// <returns>How many there are.</returns>
    public int RunFirst(ActivationMatrix h, Span<float> logits)
    {
        Multiply(1, h, _first, _firstLogits);
        Give(_firstLogits.Row(0), logits);
        return _first.Rows;
    }

    /// <summary>Computes the others.</summary>
    public void RunRest(ActivationMatrix h, Span<float> logits)
    {
        Multiply(1, h, _rest, _restLogits);
        Give(_restLogits.Row(0), logits[_first.Rows..]);
    }

    private void Multiply(int tokens, ActivationMatrix h, PanelMatrix weight, ActivationMatrix logits)
    {
        logits.Shape(weight.Rows);
        _matMul.Run(tokens, (h, weight, logits));
    }

    private void Give(ReadOnlySpan<float> computed, Span<float> logits)
    {
        if (_linear.Scale == 1)
            computed.CopyTo(logits);
        else
            System.Numerics.Tensors.TensorPrimitives.Multiply(computed, _linear.Scale, logits);
    }
}
