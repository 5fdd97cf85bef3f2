namespace MeKi.Store;

/// <summary>
/// Names the checkpoint that a model file and a row file were made from: 32 bytes, equal in both files of a pair (a SHA-256 in files this project writes).
/// </summary>
public readonly record struct ModelIdentity
{
    /// <summary>Bytes of an identity.</summary>
    public const int Length = 32;

    private readonly UInt128 _first;
    private readonly UInt128 _second;

    /// <summary>Takes the identity's 32 bytes.</summary>
    public ModelIdentity(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Length);
        _first = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        _second = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]);
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static ModelIdentity Parse(string hex) => hex.Length == 2 * Length
        ? new(Convert.FromHexString(hex))
        : throw new FormatException($"An identity is {2 * Length} hexadecimal digits, not {hex.Length}.");

    /// <summary>Writes the identity's 32 bytes.</summary>
    public void CopyTo(Span<byte> bytes)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, _first);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes[16..], _second);
    }

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() => $"{_first:x32}{_second:x32}";
}
