using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Fusing;

/// <summary>
/// The fuse of one token: its stored row is decoded, meets the gate's values and goes to the out-projection's input, 32 columns at a time in registers and 128
/// bytes of stack. Nothing but the row and the gate is read from memory, nothing but the input written.
/// </summary>
/// <remarks>
/// Each value is decoded, activated and fused with the roundings of the scalar reference, in lanes that never meet: the same bits on every instruction set.
/// </remarks>
internal static unsafe class FuseLoop<TVector, TRow, TFusion>
    where TVector : struct, IPanelVector<TVector>
    where TRow : struct, IRowValues
    where TFusion : struct, IFusion
{
    private const int Columns = QuantizedActivations.BlockColumns;

    // 32 values of the widest type.
    private const int WidestBlock = Columns * sizeof(float);

    public static void Run<TTarget>(StoredRow row, ReadOnlySpan<float> gate, TTarget target)
        where TTarget : struct, IFusedTarget
    {
        float* v = stackalloc float[Columns];
        fixed (byte* values = row.Values, scales = row.Scales)
        fixed (float* g = gate)
        {
            int whole = gate.Length / Columns, rest = gate.Length % Columns;
            for (int block = 0; block < whole; block++)
            {
                Block(values + block * TRow.BlockBytes, TRow.Scale(scales, block), g + block * Columns, v);
                target.Take(block, Columns, v);
            }
            if (rest > 0)
            {
                // Neither the row nor the gate need be readable beyond their ends.
                byte* lastValues = stackalloc byte[WidestBlock];
                float* lastGate = stackalloc float[Columns];
                new Span<byte>(lastValues, WidestBlock).Clear();
                new Span<float>(lastGate, Columns).Clear();
                row.Values[(whole * TRow.BlockBytes)..].CopyTo(new(lastValues, WidestBlock));
                gate[(whole * Columns)..].CopyTo(new(lastGate, Columns));
                Block(lastValues, TRow.Scale(scales, whole), lastGate, v);
                target.Take(whole, rest, v);
            }
        }
    }

    private static void Block(byte* values, float scale, float* gate, float* v)
    {
        TVector s = TVector.Constant(scale);
        TVector.Store(TFusion.Fuse(TRow.Load(values, 0, s), TVector.Load((byte*)gate)), (byte*)v);
        TVector.Store(TFusion.Fuse(TRow.Load(values, 1, s), TVector.Load((byte*)(gate + 8))), (byte*)(v + 8));
        TVector.Store(TFusion.Fuse(TRow.Load(values, 2, s), TVector.Load((byte*)(gate + 16))), (byte*)(v + 16));
        TVector.Store(TFusion.Fuse(TRow.Load(values, 3, s), TVector.Load((byte*)(gate + 24))), (byte*)(v + 24));
    }
}
