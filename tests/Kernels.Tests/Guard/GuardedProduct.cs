using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Tests.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Guard;

/// <summary>
/// A product whose panels, floats, results and, of one token, codes stand between pages that nobody may touch. Codes of several tokens are arrays of the
/// collector, whose neighbours no page can guard.
/// </summary>
internal sealed unsafe class GuardedProduct : IDisposable
{
    private readonly List<GuardedMemory> _all = [];
    private readonly PanelMatrix _weight;
    private readonly QuantizedActivations _quantized = new();
    private readonly GuardedMemory _floats, _results, _sums;
    private readonly QuantizedGroup _group;
    private readonly int _tokens;

    public GuardedProduct(PanelFormat format, int rows, int columns, int tokens, Border border)
    {
        Random random = new(rows * 31 + columns + tokens);
        _tokens = tokens;
        GuardedMemory panels = Add(new(format.PanelsBytes(rows, columns), border));
        PanelBytes.Fill(format, panels.Bytes, BlockKind.Ordinary, random);
        _weight = new(format, rows, columns, panels.Address);
        // Kernels of floats read tokens up to a multiple of six.
        int padded = tokens == 1 ? 1 : (tokens + 5) / 6 * 6;
        _floats = Add(new((long)sizeof(float) * padded * columns, border));
        _floats.Values.Clear();
        ActivationMatrix x = new(columns);
        x.Reserve(tokens);
        for (int token = 0; token < tokens; token++)
        {
            PanelBytes.FillToken(x.Row(token), random);
            x.Row(token).CopyTo(_floats.Values[(token * columns)..]);
        }
        _quantized.Reserve(tokens, _weight.TakesCodes ? columns : 0);
        for (int group = 0; group < _quantized.Groups && _weight.TakesCodes; group++)
            _quantized.Quantize(x, group);
        if (tokens == 1 && _weight.TakesCodes)
            _group = Guarded(_quantized.Group(0), columns, border);
        _results = Add(new((long)sizeof(float) * PanelFormat.Rows * _weight.Panels * tokens, border));
        _sums = Add(new((long)sizeof(float) * PanelKernels.PaddedTokens(tokens) * TileOutput.Width, border));
    }

    public void Dispose() => _all.ForEach(memory => memory.Dispose());

    /// <summary>The products of one token, in runs of one panel, two, three.</summary>
    public float[] OfOne(PanelKernels kernels)
    {
        for (int first = 0, count = 1; first < _weight.Panels; first += count, count++)
        {
            count = Math.Min(count, _weight.Panels - first);
            kernels.MultiplyVector(_weight, first, count, _group, _floats.Floats, _results.Floats + PanelFormat.Rows * first);
        }
        return _results.Values.ToArray();
    }

    /// <summary>The products of several tokens.</summary>
    public float[] OfSeveral(PanelKernels kernels)
    {
        int stride = PanelFormat.Rows * _weight.Panels;
        if (kernels.TakesSignMagnitudes(_weight))
        {
            _quantized.ReserveSignMagnitudes();
            for (int group = 0; group < _quantized.Groups; group++)
                _quantized.SeparateSigns(group);
        }
        int panels = kernels.TilePanels(_weight);
        for (int panel = 0; panel < _weight.Panels; panel += panels)
        {
            int row = PanelFormat.Rows * panel;
            kernels.MultiplyTiles(_weight, panel, _quantized, _floats.Floats, _sums.Floats, new(_results.Floats + row, stride, stride - row, _tokens));
        }
        return _results.Values.ToArray();
    }

    private GuardedMemory Add(GuardedMemory memory)
    {
        _all.Add(memory);
        return memory;
    }

    private QuantizedGroup Guarded(QuantizedGroup group, int columns, Border border)
    {
        int blocks = columns / QuantizedActivations.BlockColumns;
        T* Copy<T>(T* from, int count)
            where T : unmanaged => (T*)Add(GuardedMemory.Of(new ReadOnlySpan<T>(from, count), border)).Address;
        return new(Copy(group.Codes, columns), Copy(group.Scales, blocks), Copy(group.ScaledSums, blocks), Copy(group.Sums, blocks),
            Copy(group.CentreCorrections8, blocks), Copy(group.CentreCorrections32, 2 * blocks));
    }
}
