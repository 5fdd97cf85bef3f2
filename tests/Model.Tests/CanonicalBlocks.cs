using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Tests;

/// <summary>A tensor's bytes as GGUF defines them, whether the file has its rows one after the other or in panels.</summary>
internal static class CanonicalBlocks
{
    public static BlockFormat FormatOf(GgufTensor tensor) => BlockFormat.Of(GgmlTypeLayout.BlockType(tensor.Type));

    public static byte[] Of(GgufFile file, GgufTensor tensor)
    {
        byte[] bytes = file.File.Span(tensor.Offset, checked((int)tensor.ByteLength)).ToArray();
        if (!GgmlTypeLayout.IsPanels(tensor.Type))
            return bytes;
        PanelFormat format = PanelFormat.Find(GgmlTypeLayout.BlockType(tensor.Type))!;
        byte[] rows = new byte[bytes.Length];
        int blockBytes = format.Block.BlockBytes, rowBytes = (int)format.Block.RowBytes((int)tensor.Dimensions[0]), panelBytes = PanelFormat.Rows * rowBytes;
        for (int at = 0; at < bytes.Length; at += format.BlockBytes)
        {
            (int panel, int block) = (at / panelBytes, at % panelBytes / format.BlockBytes);
            for (int row = 0; row < PanelFormat.Rows; row++)
                format.Unpack(bytes.AsSpan(at, format.BlockBytes), row,
                    rows.AsSpan((panel * PanelFormat.Rows + row) * rowBytes + block * blockBytes, blockBytes));
        }
        return rows;
    }
}
