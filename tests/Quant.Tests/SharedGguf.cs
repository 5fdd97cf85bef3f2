using System.Buffers.Binary;
using System.Text;
using MeKi.Tests;

namespace MeKi.Quant.Tests;

/// <summary>A tensor of a GGUF file of <c>../shared/gguf</c>: <paramref name="Offset"/> is counted from the start of the file.</summary>
internal sealed record SharedTensor(string Name, GgmlType Type, int Columns, int Rows, int Dimensions, long Offset);

/// <summary>
/// Just enough of a GGUF reader to find the tensors of the trusted files in <c>../shared/gguf</c>: this room knows formats, not files.
/// Header, key-value pairs (skipped), tensor table, data at the next multiple of 32.
/// </summary>
internal sealed class SharedGguf
{
    private readonly byte[] _bytes;
    private int _position = 8;

    public SharedGguf(string name)
    {
        _bytes = File.ReadAllBytes(SharedMaterial.Path($"gguf/{name}"));
        long tensorCount = ReadLong(), keyCount = ReadLong();
        for (long i = 0; i < keyCount; i++)
        {
            ReadString();
            SkipValue(ReadInt());
        }
        List<SharedTensor> tensors = [];
        for (long i = 0; i < tensorCount; i++)
        {
            string tensor = ReadString();
            int dimensions = ReadInt(), columns = (int)ReadLong(), rows = dimensions > 1 ? (int)ReadLong() : 1;
            tensors.Add(new(tensor, (GgmlType)ReadInt(), columns, rows, dimensions, ReadLong()));
        }
        int data = (_position + 31) / 32 * 32;
        Tensors = [.. tensors.Select(tensor => tensor with { Offset = tensor.Offset + data })];
    }

    public IReadOnlyList<SharedTensor> Tensors { get; }

    public SharedTensor this[string name] => Tensors.Single(tensor => tensor.Name == name);

    public ReadOnlySpan<byte> Bytes(SharedTensor tensor) =>
        _bytes.AsSpan((int)tensor.Offset, (int)(BlockFormat.Of(tensor.Type).RowBytes(tensor.Columns) * tensor.Rows));

    public float[] Values(SharedTensor tensor)
    {
        float[] values = new float[tensor.Columns * tensor.Rows];
        BlockFormat.Of(tensor.Type).Decode(Bytes(tensor), values);
        return values;
    }

    private void SkipValue(int type)
    {
        if (type == 8)
        {
            ReadString();
        }
        else if (type == 9)
        {
            int element = ReadInt();
            for (long i = ReadLong(); i > 0; i--)
                SkipValue(element);
        }
        else
        {
            _position += type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, _ => 8 };
        }
    }

    private int ReadInt() => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan((_position += 4) - 4));

    private long ReadLong() => BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan((_position += 8) - 8));

    private string ReadString()
    {
        int length = (int)ReadLong();
        return Encoding.UTF8.GetString(_bytes, (_position += length) - length, length);
    }
}
