using System.Runtime.InteropServices;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Panels;

/// <summary>
/// A panel matrix at any address and some tokens, and the products of any kernel set with them. The bytes around the panels are 0xFF, NaN in every float
/// format, so what a kernel reads beyond them it cannot use unseen; results lie between marks that no kernel may change.
/// </summary>
internal sealed unsafe class PanelOperands : IDisposable
{
    private const int Margin = 128;
    private const float Mark = 123456.789f;

    private readonly byte* _memory;
    private readonly PanelMatrix _weight;
    private readonly ActivationMatrix _x;
    private readonly int _tokens;
    private readonly QuantizedActivations _quantized = new();

    public PanelOperands(PanelFormat format, int rows, int columns, int tokens, int offset, BlockKind kind, int seed)
    {
        Random random = new(seed);
        int bytes = (int)format.PanelsBytes(rows, columns);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(bytes + 2 * Margin), 64);
        Span<byte> memory = new(_memory, bytes + 2 * Margin);
        memory.Fill(0xFF);
        PanelBytes.Fill(format, memory.Slice(Margin - offset, bytes), kind, random);
        _weight = new(format, rows, columns, _memory + Margin - offset);
        _tokens = tokens;
        // Kernels of floats read tokens up to a multiple of six; what the last ones hold must not matter.
        _x = new(columns);
        _x.Reserve(tokens + 5);
        _x.Rows(0, tokens + 5).Fill(float.NaN);
        for (int token = 0; token < tokens; token++)
            PanelBytes.FillToken(_x.Row(token), random);
        _quantized.Reserve(tokens, format.Block.BlockSize > 1 ? columns : 0);
        for (int group = 0; group < _quantized.Groups && format.Block.BlockSize > 1; group++)
            _quantized.Quantize(_x, group);
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    /// <summary>The products, [tokens × 8 · panels], as the kernels for several tokens give them, or for one token those for one, in runs of panels.</summary>
    public float[] Products(PanelKernels kernels) => _tokens == 1 ? ProductsOfOne(kernels) : ProductsOfSeveral(kernels);

    private float[] ProductsOfOne(PanelKernels kernels)
    {
        float[] y = new float[PanelFormat.Rows * _weight.Panels + 2 * Margin];
        y.AsSpan().Fill(Mark);
        fixed (float* results = y, x = _x.Row(0))
        {
            // One panel, then two, then three and so on.
            for (int first = 0, count = 1; first < _weight.Panels; first += count, count++)
            {
                count = Math.Min(count, _weight.Panels - first);
                kernels.MultiplyVector(_weight, first, count, _quantized.Group(0), x, results + Margin + PanelFormat.Rows * first);
            }
        }
        AssertMarks(y);
        return y[Margin..^Margin];
    }

    private float[] ProductsOfSeveral(PanelKernels kernels)
    {
        int stride = PanelFormat.Rows * _weight.Panels;
        float[] y = new float[stride * _tokens + 2 * Margin];
        float[] sums = new float[TileOutput.Width * PanelKernels.PaddedTokens(_tokens) + 2 * Margin];
        y.AsSpan().Fill(Mark);
        if (kernels.TakesSignMagnitudes(_weight))
        {
            _quantized.ReserveSignMagnitudes();
            for (int group = 0; group < _quantized.Groups; group++)
                _quantized.SeparateSigns(group);
        }
        // The last first, as threads may: whoever wrote more than its own columns would be seen.
        int panels = kernels.TilePanels(_weight);
        for (int panel = (_weight.Panels - 1) / panels * panels; panel >= 0 && _weight.Panels > 0; panel -= panels)
        {
            sums.AsSpan().Fill(Mark);
            int row = PanelFormat.Rows * panel;
            fixed (float* results = y, room = sums, x = _x.Row(0))
                kernels.MultiplyTiles(_weight, panel, _quantized, x, room + Margin, new(results + Margin + row, stride, stride - row, _tokens));
            AssertMarks(sums);
        }
        AssertMarks(y);
        return y[Margin..^Margin];
    }

    private static void AssertMarks(float[] y)
    {
        Assert.Equal(-1, y.AsSpan(0, Margin).IndexOfAnyExcept(Mark));
        Assert.Equal(-1, y.AsSpan(y.Length - Margin).IndexOfAnyExcept(Mark));
    }
}
