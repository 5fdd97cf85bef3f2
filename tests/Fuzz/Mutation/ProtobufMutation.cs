namespace MeKi.Fuzz.Mutation;

/// <summary>Changes to a protobuf message: fields are taken away, doubled, exchanged, given other numbers, types, lengths and values.</summary>
internal static class ProtobufMutation
{
    private const int MostFields = 4096;

    public static byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        if (random.Next(6) == 0)
            return BytesMutation.Mutate(bytes, other, random);
        List<byte[]> fields = Cut(bytes), others = Cut(other);
        for (int round = Interesting.Rounds(random); round > 0; round--)
            Once(fields, others, random);
        return [.. fields.SelectMany(field => field)];
    }

    private static void Once(List<byte[]> fields, List<byte[]> others, Random random)
    {
        if (fields.Count == 0)
        {
            fields.Add([8, 1]);
            return;
        }
        int at = random.Next(fields.Count);
        switch (random.Next(7))
        {
            case 0:
                fields.RemoveAt(at);
                break;
            case 1:
                fields.Insert(at, fields[random.Next(fields.Count)]);
                break;
            case 2 when others.Count > 0:
                fields.Insert(at, others[random.Next(others.Count)]);
                break;
            case 3:
                fields.Insert(at, [.. Varint((ulong)(random.Next(1, 60) << 3 | random.Next(8))), .. Varint((ulong)Interesting.Integer(random))]);
                break;
            case 4:
                // A field within a field.
                if (Inner(fields[at]) is { Length: > 0 } inner)
                {
                    byte[] changed = Mutate(inner, others.Count > 0 ? others[random.Next(others.Count)] : inner, random);
                    fields[at] = [fields[at][0], .. Varint(random.Next(8) == 0 ? (ulong)Interesting.Integer(random) : (ulong)changed.Length), .. changed];
                }
                break;
            default:
                fields[at] = BytesMutation.Mutate(fields[at], fields[random.Next(fields.Count)], random);
                break;
        }
    }

    private static byte[]? Inner(byte[] field)
    {
        int at = 1;
        return field.Length > 1 && (field[0] & 7) == 2 && Read(field, ref at) is { } length && at + (long)length <= field.Length ? field[at..] : null;
    }

    private static List<byte[]> Cut(byte[] bytes)
    {
        List<byte[]> fields = [];
        for (int at = 0; at < bytes.Length && fields.Count < MostFields;)
        {
            int start = at;
            ulong? tag = Read(bytes, ref at), length = (tag & 7) switch { 0 => Read(bytes, ref at) is null ? null : 0, 1 => 8, 2 => Read(bytes, ref at),
                5 => 4, _ => null };
            at = length is null || length > (ulong)(bytes.Length - at) ? bytes.Length : at + (int)length;
            fields.Add(bytes[start..at]);
        }
        return fields;
    }

    private static ulong? Read(byte[] bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; at < bytes.Length && shift < 64; shift += 7)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 127) << shift;
            if (next < 128)
                return value;
        }
        return null;
    }

    private static byte[] Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value > 127; value >>= 7)
            bytes.Add((byte)(value | 128));
        return [.. bytes, (byte)value];
    }
}
