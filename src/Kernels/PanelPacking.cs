using MeKi.Quant;


namespace MeKi.Kernels;

/// <summary>Packs canonical rows into panels, encoding them anew where their format has none; an item is a panel.</summary>
internal sealed unsafe class PanelPacking(WeightMatrix rows, PanelMatrix panels) : Region
{
    public override void Execute(int begin, int end)
    {
        bool sameBlocks = panels.Format.Block == rows.Format;
        float[] values = sameBlocks ? [] : new float[rows.Columns];
        byte[] eight = new byte[panels.PanelBytes];
        int rowBytes = (int)panels.RowBytes;
        for (int panel = begin; panel < end; panel++)
        {
            int first = panel * PanelFormat.Rows, present = Math.Min(PanelFormat.Rows, rows.Rows - first);
            for (int r = 0; r < present; r++)
            {
                Span<byte> row = eight.AsSpan(r * rowBytes, rowBytes);
                if (sameBlocks)
                    rows.Row(first + r).CopyTo(row);
                else
                {
                    rows.DecodeRow(first + r, values);
                    panels.Format.Block.Encode(values, row);
                }
            }
            eight.AsSpan(present * rowBytes).Clear();
            panels.Format.PackRows(eight, new(panels.Panel(panel), eight.Length));
        }
    }
}
