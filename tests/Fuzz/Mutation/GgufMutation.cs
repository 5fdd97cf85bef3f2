using System.Buffers.Binary;
using System.Text;

namespace MeKi.Fuzz.Mutation;

/// <summary>Changes to a GGUF file by its own structure: keys, their types and values, tensors with their shapes, types and places, counts that lie.</summary>
internal static class GgufMutation
{
    private const int MostEntries = 4096;

    public static byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        if (random.Next(8) == 0 || Image.Read(bytes) is not { } image)
            return BytesMutation.Mutate(bytes, other, random);
        Image? foreign = random.Next(3) == 0 ? Image.Read(other) : null;
        for (int round = Interesting.Rounds(random); round > 0; round--)
        {
            if (random.Next(5) < 3 && image.Keys.Count > 0)
                ChangeKey(image, foreign, random);
            else if (random.Next(8) > 0 && image.Tensors.Count > 0)
                ChangeTensor(image, foreign, random);
            else
                ChangeWhole(image, random);
        }
        return image.Write();
    }

    private static void ChangeKey(Image image, Image? foreign, Random random)
    {
        int at = random.Next(image.Keys.Count);
        Key key = image.Keys[at];
        switch (random.Next(9))
        {
            case 0:
                image.Keys.RemoveAt(at);
                break;
            case 1:
                image.Keys.Insert(at, key with { });
                break;
            case 2:
                image.Keys[at] = key with { Name = random.Next(3) == 0 ? Utf8(Interesting.Text(random)) : image.Keys[random.Next(image.Keys.Count)].Name };
                break;
            case 3 when foreign is { Keys.Count: > 0 }:
                Key taken = Interesting.Pick(random, foreign.Keys);
                image.Keys.Insert(at, random.Next(2) == 0 ? taken : taken with { Name = key.Name });
                break;
            case 4:
                image.Keys[at] = key with { Type = (uint)(random.Next(6) == 0 ? Interesting.Integer(random) : random.Next(14)) };
                break;
            case 5:
                Key source = Interesting.Pick(random, image.Keys);
                image.Keys[at] = key with { Type = source.Type, Value = source.Value };
                break;
            case 6:
                image.Keys[at] = AnyValue(key, random);
                break;
            default:
                image.Keys[at] = key with { Value = Other(key, random) };
                break;
        }
    }

    // Likewise a value of the type that it has.
    private static byte[] Other(Key key, Random random)
    {
        switch (key.Type)
        {
            case 8:
                byte[] text = random.Next(3) == 0 && key.Value.Length > 8 ? BytesMutation.Mutate(key.Value[8..], key.Value[8..], random)
                    : Utf8(Interesting.Text(random));
                return [.. Bytes(random.Next(10) == 0 ? Interesting.Integer(random) : text.Length), .. text];
            case 6:
                return BitConverter.GetBytes((float)Interesting.Real(random));
            case 12:
                return BitConverter.GetBytes(Interesting.Real(random));
            case 9 when key.Value.Length >= 12:
                byte[] array = (byte[])key.Value.Clone();
                if (random.Next(3) == 0)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(array.AsSpan(4),
                        random.Next(2) == 0 ? Interesting.Integer(random) : BinaryPrimitives.ReadInt64LittleEndian(array.AsSpan(4)) + random.Next(-3, 4));
                }
                else if (random.Next(3) == 0)
                {
                    BinaryPrimitives.WriteInt32LittleEndian(array, random.Next(14));
                }
                else
                {
                    byte[] elements = BytesMutation.Mutate(array[12..], array[12..], random);
                    array = [.. array[..12], .. elements];
                }
                return array;
            default:
                return Bytes(Interesting.Integer(random))[..Math.Clamp(key.Value.Length, 1, 8)];
        }
    }

    private static Key AnyValue(Key key, Random random) => random.Next(7) switch
    {
        0 => key with { Type = 4, Value = Bytes(Interesting.Integer(random))[..4] },
        1 => key with { Type = 10, Value = Bytes(Interesting.Integer(random)) },
        2 => key with { Type = 6, Value = BitConverter.GetBytes((float)Interesting.Real(random)) },
        3 => key with { Type = 7, Value = [(byte)random.Next(3)] },
        4 => Text(key, Interesting.Text(random)),
        5 => key with { Type = 5, Value = Bytes(Interesting.Integer(random))[..4] },
        _ => Integers(key, random),
    };

    private static Key Text(Key key, string text) => key with { Type = 8, Value = [.. Bytes(Utf8(text).Length), .. Utf8(text)] };

    private static Key Integers(Key key, Random random)
    {
        int count = random.Next(random.Next(4) == 0 ? 600 : 6);
        return key with
        {
            Type = 9,
            Value = [5, 0, 0, 0, .. Bytes(count), .. Enumerable.Range(0, count).SelectMany(_ => Bytes(Interesting.Integer(random))[..4])],
        };
    }

    private static void ChangeTensor(Image image, Image? foreign, Random random)
    {
        int at = random.Next(image.Tensors.Count);
        Tensor tensor = image.Tensors[at];
        switch (random.Next(9))
        {
            case 0:
                image.Tensors.RemoveAt(at);
                break;
            case 1:
                image.Tensors.Insert(at, tensor with { Name = random.Next(2) == 0 ? tensor.Name : [.. tensor.Name, (byte)'x'] });
                break;
            case 2:
                image.Tensors[at] = tensor with { Name = image.Tensors[random.Next(image.Tensors.Count)].Name };
                break;
            case 3 when foreign is { Tensors.Count: > 0 }:
                image.Tensors[at] = Interesting.Pick(random, foreign.Tensors);
                break;
            case 4:
                image.Tensors[at] = tensor with { Type = (uint)(random.Next(6) == 0 ? Interesting.Integer(random) : random.Next(42)) };
                break;
            case 5:
                image.Tensors[at] = tensor with { Offset = random.Next(2) == 0 ?
                    Interesting.Integer(random) : image.Tensors[random.Next(image.Tensors.Count)].Offset };
                break;
            case 6:
                image.Tensors[at] = tensor with { Dimensions = [.. Enumerable.Range(0, random.Next(6)).Select(_ => Interesting.Integer(random))] };
                break;
            case 7:
                (tensor, Tensor second) = (image.Tensors[random.Next(image.Tensors.Count)], tensor);
                image.Tensors[at] = second with { Dimensions = tensor.Dimensions, Type = tensor.Type };
                break;
            default:
                long[] dimensions = (long[])tensor.Dimensions.Clone();
                if (dimensions.Length > 0)
                {
                    ref long dimension = ref dimensions[random.Next(dimensions.Length)];
                    dimension = random.Next(3) switch { 0 => dimension + random.Next(-2, 3), 1 => dimension * 2, _ => Interesting.Integer(random) };
                }
                image.Tensors[at] = tensor with { Dimensions = dimensions };
                break;
        }
    }

    private static void ChangeWhole(Image image, Random random)
    {
        switch (random.Next(6))
        {
            case 0:
                image.Version = (uint)(random.Next(2) == 0 ? random.Next(5) : Interesting.Integer(random));
                break;
            case 1:
                image.KeyCount = random.Next(2) == 0 ? Interesting.Integer(random) : image.Keys.Count + random.Next(-2, 3);
                break;
            case 2:
                image.TensorCount = random.Next(2) == 0 ? Interesting.Integer(random) : image.Tensors.Count + random.Next(-2, 3);
                break;
            case 3:
                image.Keys.Add(new(Utf8("general.alignment"), 4, Bytes(random.Next(2) == 0 ? 1 << random.Next(12) : Interesting.Integer(random))[..4]));
                break;
            case 4:
                image.Data = image.Data[..random.Next(image.Data.Length + 1)];
                break;
            default:
                // Numbers that are none, and extreme scales.
                image.Data = (byte[])image.Data.Clone();
                for (int count = random.Next(1, 200); count > 0 && image.Data.Length >= 8; count--)
                    BitConverter.GetBytes((float)Interesting.Real(random)).CopyTo(image.Data, random.Next(image.Data.Length - 4) & ~(random.Next(2) == 0 ?
                        3 : 1));
                break;
        }
    }

    private static byte[] Bytes(long value) => BitConverter.GetBytes(value);

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private sealed record Key(byte[] Name, uint Type, byte[] Value);

    private sealed record Tensor(byte[] Name, long[] Dimensions, uint Type, long Offset);

    /// <summary>A GGUF file taken apart, without regard to what it means.</summary>
    private sealed class Image
    {
        private static readonly int[] s_widths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

        public uint Version { get; set; }

        public long? KeyCount { get; set; }

        public long? TensorCount { get; set; }

        public List<Key> Keys { get; } = [];

        public List<Tensor> Tensors { get; } = [];

        public byte[] Data { get; set; } = [];

        /// <summary>Null where the bytes are no whole file.</summary>
        public static Image? Read(byte[] bytes)
        {
            try
            {
                int at = 24;
                Image image = new() { Version = BitConverter.ToUInt32(bytes, 4) };
                long tensors = BitConverter.ToInt64(bytes, 8), keys = BitConverter.ToInt64(bytes, 16);
                if (tensors is < 0 or > MostEntries || keys is < 0 or > MostEntries)
                    return null;
                for (; keys > 0; keys--)
                {
                    byte[] name = Text(bytes, ref at);
                    uint type = BitConverter.ToUInt32(bytes, at);
                    int start = at += 4;
                    Skip(bytes, type, ref at);
                    image.Keys.Add(new(name, type, bytes[start..at]));
                }
                for (; tensors > 0; tensors--)
                {
                    byte[] name = Text(bytes, ref at);
                    int rank = Math.Clamp(BitConverter.ToInt32(bytes, at), 0, 64);
                    at += 4;
                    long[] dimensions = [.. Enumerable.Range(0, rank).Select(i => BitConverter.ToInt64(bytes, at + 8 * i))];
                    at += 8 * rank;
                    image.Tensors.Add(new(name, dimensions, BitConverter.ToUInt32(bytes, at), BitConverter.ToInt64(bytes, at + 4)));
                    at += 12;
                }
                image.Data = bytes[Math.Min(bytes.Length, (at + 31) / 32 * 32)..];
                return image;
            }
            catch (Exception failure) when (failure is ArgumentException or OverflowException or IndexOutOfRangeException)
            {
                return null;
            }
        }

        public byte[] Write()
        {
            using MemoryStream file = new();
            file.Write("GGUF"u8);
            file.Write(BitConverter.GetBytes(Version));
            file.Write(Bytes(TensorCount ?? Tensors.Count));
            file.Write(Bytes(KeyCount ?? Keys.Count));
            foreach (Key key in Keys)
            {
                file.Write(Bytes(key.Name.Length));
                file.Write(key.Name);
                file.Write(BitConverter.GetBytes(key.Type));
                file.Write(key.Value);
            }
            foreach (Tensor tensor in Tensors)
            {
                file.Write(Bytes(tensor.Name.Length));
                file.Write(tensor.Name);
                file.Write(BitConverter.GetBytes(tensor.Dimensions.Length));
                foreach (long dimension in tensor.Dimensions)
                    file.Write(Bytes(dimension));
                file.Write(BitConverter.GetBytes(tensor.Type));
                file.Write(Bytes(tensor.Offset));
            }
            file.SetLength((file.Length + 31) / 32 * 32);
            file.Position = file.Length;
            file.Write(Data);
            return file.ToArray();
        }

        private static byte[] Text(byte[] bytes, ref int at)
        {
            int length = checked((int)BitConverter.ToInt64(bytes, at));
            byte[] text = bytes[(at + 8)..(at + 8 + length)];
            at += 8 + length;
            return text;
        }

        private static void Skip(byte[] bytes, uint type, ref int at)
        {
            if (type == 8)
            {
                Text(bytes, ref at);
            }
            else if (type == 9)
            {
                uint element = BitConverter.ToUInt32(bytes, at);
                long count = BitConverter.ToInt64(bytes, at + 4);
                at += 12;
                if (element is 8 or 9)
                {
                    for (; count > 0; count--)
                        Skip(bytes, element, ref at);
                }
                else
                {
                    at = checked(at + (int)(count * s_widths[element]));
                }
            }
            else
            {
                at += s_widths[type];
            }
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)at, (uint)bytes.Length);
        }
    }
}
