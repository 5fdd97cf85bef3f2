using MeKi.Quant;
using MeKi.Quant.Panels;

namespace MeKi.Kernels;

/// <summary>Packs canonical rows into panels; an item is a panel.</summary>
internal sealed unsafe class PanelPacking(WeightMatrix rows, PanelMatrix panels) : Region
{
    public override void Execute(int begin, int end)
    {
        if (panels.Format.Block == rows.Format)
        {
            for (int panel = begin; panel < end; panel++)
                Interleave(panel);
            return;
        }
        float[] values = new float[rows.Columns];
        byte[] encoded = new byte[panels.PanelBytes];
        for (int panel = begin; panel < end; panel++)
            EncodeAnew(panel, values, encoded);
    }

    private void Interleave(int panel)
    {
        int blockBytes = rows.Format.BlockBytes;
        byte*[] sources = [null, null, null, null, null, null, null, null];
        int present = Math.Min(PanelFormat.Rows, rows.Rows - panel * PanelFormat.Rows);
        for (int r = 0; r < present; r++)
        {
            fixed (byte* row = rows.Row(panel * PanelFormat.Rows + r))
                sources[r] = row;
        }
        Span<byte> blocks = stackalloc byte[PanelFormat.Rows * blockBytes];
        blocks.Clear();
        byte* target = panels.Panel(panel);
        for (int block = 0; block < panels.Blocks; block++)
        {
            for (int r = 0; r < present; r++)
                new ReadOnlySpan<byte>(sources[r] + (long)block * blockBytes, blockBytes).CopyTo(blocks[(r * blockBytes)..]);
            panels.Format.Pack(blocks, new(target + (long)block * panels.Format.BlockBytes, panels.Format.BlockBytes));
        }
    }

    private void EncodeAnew(int panel, float[] values, byte[] encoded)
    {
        BlockFormat format = panels.Format.Block;
        int rowBytes = (int)panels.RowBytes;
        Array.Clear(encoded);
        for (int r = 0; r < PanelFormat.Rows && panel * PanelFormat.Rows + r < rows.Rows; r++)
        {
            rows.DecodeRow(panel * PanelFormat.Rows + r, values);
            format.Encode(values, encoded.AsSpan(r * rowBytes, rowBytes));
        }
        Span<byte> blocks = stackalloc byte[PanelFormat.Rows * format.BlockBytes];
        byte* target = panels.Panel(panel);
        for (int block = 0; block < panels.Blocks; block++)
        {
            for (int r = 0; r < PanelFormat.Rows; r++)
                encoded.AsSpan(r * rowBytes + block * format.BlockBytes, format.BlockBytes).CopyTo(blocks[(r * format.BlockBytes)..]);
            panels.Format.Pack(blocks, new(target + (long)block * panels.Format.BlockBytes, panels.Format.BlockBytes));
        }
    }
}
