using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Packed panels that will be expanded next: asked for some lines at a time while those before them are multiplied, so that a tile of few tokens waits for no
/// memory.
/// </summary>
internal readonly unsafe struct ComingPanels
{
    private const int Line = 64;

    private readonly byte* _first, _end;
    private readonly nint _distance;
    private readonly int _panels, _stepBytes;

    private ComingPanels(byte* first, byte* end, nint distance, int panels, int stepBytes)
    {
        _first = first;
        _end = end;
        (_distance, _panels, _stepBytes) = (distance, panels, stepBytes);
    }

    /// <summary>What follows a run of columns: the same panels' next run, or the next panels' first.</summary>
    /// <param name="weight">The matrix.</param>
    /// <param name="panel">The first panel of the run.</param>
    /// <param name="panels">Its panels.</param>
    /// <param name="column">Its first column.</param>
    /// <param name="columns">Its columns; the next run has no more of them.</param>
    /// <param name="steps">Calls of <see cref="Ask"/> while the run is multiplied.</param>
    public static ComingPanels After(PanelMatrix weight, int panel, int panels, int column, int columns, int steps)
    {
        bool ends = column + columns == weight.Columns;
        int next = ends ? panel + panels : panel, from = ends ? 0 : column + columns;
        if (next >= weight.Panels || columns == 0 || steps < 1)
            return default;
        int block = weight.Format.Block.BlockSize;
        long blockBytes = weight.PanelBytes / weight.Blocks, bytes = Math.Min(columns, weight.Columns - from) / block * blockBytes;
        byte* first = weight.Panel(next) + from / block * blockBytes;
        long lines = (bytes + 2 * Line - 1) / Line;
        return new(first, first + bytes, (nint)weight.PanelBytes, Math.Min(panels, weight.Panels - next), Line * (int)((lines + steps - 1) / steps));
    }

    /// <summary>What is left after so many steps.</summary>
    public ComingPanels After(int steps) => new(_first + (nint)steps * _stepBytes, _end, _distance, _panels, _stepBytes);

    /// <summary>Asks for a step's lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Ask<TVector>(int step)
        where TVector : struct, ICodeVector<TVector>
    {
        if (!TVector.Prefetches)
            return;
        byte* line = _first + (nint)step * _stepBytes;
        for (byte* stop = line + _stepBytes; line < stop && line < _end; line += Line)
        {
            byte* at = line;
            for (int panel = 0; panel < _panels; panel++, at += _distance)
                TVector.Prefetch(at);
        }
    }
}
