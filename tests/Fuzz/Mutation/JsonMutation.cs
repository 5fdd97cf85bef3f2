using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MeKi.Fuzz.Mutation;

/// <summary>
/// Changes to JSON: values of other types and sizes, names given twice, halves of surrogate pairs, deep nesting, parts of other documents. What comes out is
/// mostly well-formed.
/// </summary>
/// <param name="names">Names that mean something to the reader.</param>
internal sealed class JsonMutation(params string[] names)
{
    private const int MostCharacters = 1 << 20, MostDepth = 2000;

    private static readonly string[] s_numbers =
        ["0", "-0", "1", "-1", "0.5", "1e3", "1.0", "5.0", "1e999", "-1e999", "1e-999", "2147483647", "2147483648", "-2147483649", "4294967296",
            "9007199254740993",
            "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e18", "3.4028236e38", "0.30000000000000004"];

    private static readonly string[] s_strings =
        [@"""\ud800""", @"""\udc00\ud800""", @"""\u0000""", @"""\u001b[2J""", @"""\uD83D\uDE42""", @"""\/""", "\"\"", "\" \"", @"""a\nb""", @"""\u202e"""];

    public byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        if (random.Next(24) == 0 || Node.Parse(bytes) is not { } root)
            return BytesMutation.Mutate(bytes, other, random);
        Node? foreign = random.Next(3) == 0 ? Node.Parse(other) : null;
        for (int round = Interesting.Rounds(random); round > 0; round--)
            Once(root, foreign, random);
        StringBuilder text = new();
        root.Write(text);
        // What grows from change to change would soon be nothing but large.
        if (text.Length > MostCharacters)
            return bytes;
        byte[] written = Encoding.UTF8.GetBytes(text.ToString());
        return random.Next(50) == 0 ? BytesMutation.Mutate(written, other, random) : written;
    }

    /// <summary>A value of any kind.</summary>
    public static string Value(Random random) => random.Next(12) switch
    {
        0 => "null",
        1 => "true",
        2 => "false",
        3 => "[]",
        4 => "{}",
        5 or 6 => Interesting.Pick(random, s_numbers),
        7 => Interesting.Integer(random).ToString(CultureInfo.InvariantCulture),
        8 => Interesting.Pick(random, s_strings),
        9 => JsonSerializer.Serialize(Interesting.Text(random).Replace('\ud83d', '?')),
        10 => Nest(random, random.Next(3) == 0 ? random.Next(50, 20_000) : random.Next(1, 80)),
        _ => (random.NextDouble() * 10).ToString(CultureInfo.InvariantCulture),
    };

    private static string Nest(Random random, int depth) => random.Next(3) switch
    {
        0 => new string('[', depth) + new string(']', depth),
        1 => new StringBuilder().Insert(0, "{\"a\":", depth).Append('1').Append('}', depth).ToString(),
        _ => new string('[', depth),
    };

    private void Once(Node root, Node? foreign, Random random)
    {
        Node node = root.Any(random);
        switch (random.Next(10))
        {
            case 0:
            case 1:
            case 2:
                node.Any(random).Become(new Node(Value(random)));
                break;
            case 3 when node.Members is { Count: > 0 } members:
                members.RemoveAt(random.Next(members.Count));
                break;
            case 4 when node.Members is { Count: > 0 } members:
                (string twice, Node value) = Interesting.Pick(random, members);
                members.Insert(random.Next(members.Count + 1), (twice, random.Next(2) == 0 ? value : new Node(Value(random))));
                break;
            case 5 when node.Members is { } members:
                string name = random.Next(4) == 0 ? Interesting.Pick(random, s_strings) : JsonSerializer.Serialize(Interesting.Pick(random, names));
                members.Insert(random.Next(members.Count + 1), (name, foreign?.Any(random) ?? new Node(Value(random))));
                break;
            case 6 when node.Members is { Count: > 0 } members:
                int at = random.Next(members.Count);
                members[at] = (random.Next(2) == 0 ? Interesting.Pick(random, s_strings) : JsonSerializer.Serialize(Interesting.Pick(random, names)),
                    members[at].Item2);
                break;
            case 7 when node.Items is { Count: > 0 } items:
                Node item = Interesting.Pick(random, items);
                for (int times = random.Next(6) == 0 ? random.Next(1, 3000) : random.Next(1, 4); times > 0; times--)
                    items.Add(item);
                break;
            case 8 when node.Items is { Count: > 0 } items:
                items.RemoveRange(random.Next(items.Count), 1);
                break;
            default:
                node.Any(random).Become(foreign?.Any(random) ?? (random.Next(2) == 0 ? root.Any(random) : new Node(Value(random))));
                break;
        }
    }

    /// <summary>A value as it is spelt. A name may stand in an object twice.</summary>
    private sealed class Node(string raw)
    {
        private const int MostNodes = 20_000;

        private string _raw = raw;

        public List<(string Name, Node Value)>? Members { get; private set; }

        public List<Node>? Items { get; private set; }

        public static Node? Parse(byte[] bytes)
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(bytes);
                int left = MostNodes;
                return Of(document.RootElement, ref left);
            }
            catch (Exception failure) when (failure is JsonException or InvalidOperationException)
            {
                return null;
            }
        }

        /// <summary>The node or one within it, those near the root more often.</summary>
        public Node Any(Random random)
        {
            Node node = this;
            for (int depth = random.Next(1, 8); depth > 0; depth--)
            {
                if (node.Members is { Count: > 0 } members)
                    node = Interesting.Pick(random, members).Value;
                else if (node.Items is { Count: > 0 } items)
                    node = Interesting.Pick(random, items);
                else
                    break;
            }
            return node;
        }

        /// <summary>Takes the value of another, as it is now.</summary>
        public void Become(Node other)
        {
            StringBuilder text = new();
            other.Write(text);
            (_raw, Members, Items) = (text.ToString(), null, null);
        }

        // A part may have become one that holds it.
        public void Write(StringBuilder text, int depth = 0)
        {
            bool isValue = Members is null && Items is null;
            if (isValue || depth > MostDepth || text.Length > MostCharacters)
            {
                text.Append(isValue ? _raw : "null");
                return;
            }
            text.Append(Members is null ? '[' : '{');
            bool first = true;
            foreach ((string? name, Node value) in Members?.Select(member => ((string?)member.Name, member.Value)) ?? Items!.Select(item => ((string?)null,
                item)))
            {
                text.Append(first ? "" : ",").Append(name is null ? "" : name + ":");
                value.Write(text, depth + 1);
                first = false;
            }
            text.Append(Members is null ? ']' : '}');
        }

        private static Node Of(JsonElement element, ref int left)
        {
            Node node = new(element.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? "" : element.GetRawText());
            if (element.ValueKind == JsonValueKind.Object)
            {
                node.Members = [];
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    if (--left < 0)
                        break;
                    node.Members.Add((NameOf(member), Of(member.Value, ref left)));
                }
            }
            else if (element.ValueKind == JsonValueKind.Array)
            {
                node.Items = [];
                foreach (JsonElement item in element.EnumerateArray())
                {
                    if (--left < 0)
                        break;
                    node.Items.Add(Of(item, ref left));
                }
            }
            return node;
        }

        private static string NameOf(JsonProperty member)
        {
            string text = member.ToString();
            // As it is spelt: the base library gives no name that is no text.
            int end = 1;
            while (text[end] != '"')
                end += text[end] == '\\' ? 2 : 1;
            return text[..(end + 1)];
        }
    }
}
