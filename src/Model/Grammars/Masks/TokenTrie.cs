using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace MeKi.Model.Grammars.Masks;

/// <summary>Texts with their tokens as a tree of bytes, in the order of a walk through it: what is below a node follows it.</summary>
internal sealed class TokenTrie
{
    private readonly byte[] _labels;
    private readonly int[] _ends, _firstTokens, _tokens;
    private readonly ushort[] _depths;
    private int[]? _firstBytes;

    private TokenTrie(byte[] labels, int[] ends, int[] firstTokens, ushort[] depths, int[] tokens) =>
        (_labels, _ends, _firstTokens, _depths, _tokens) = (labels, ends, firstTokens, depths, tokens);

    /// <summary>How many nodes there are; the first is the root, which has no byte.</summary>
    public int Count => _labels.Length;

    /// <summary>The most bytes of a token.</summary>
    public int Deepest { get; private init; }

    /// <summary>What was found of its tokens.</summary>
    public MaskTable Masks => field ??= new(this);

    /// <summary>The byte that leads to each node.</summary>
    public ReadOnlySpan<byte> Labels => _labels;

    /// <summary>The first node that is not below each node.</summary>
    public ReadOnlySpan<int> Ends => _ends;

    /// <summary>How many bytes lead to each node.</summary>
    public ReadOnlySpan<ushort> Depths => _depths;

    /// <summary>Makes a tree.</summary>
    /// <param name="texts">The bytes of each token; those without any are left out.</param>
    /// <param name="ids">The tokens.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TokenTrie Of(IReadOnlyList<ReadOnlyMemory<byte>> texts, IReadOnlyList<int> ids)
    {
        int[] order = Sort(texts);
        List<byte> labels = [0];
        List<int> firstTokens = [0], tokens = [], open = [0];
        List<ushort> depths = [0];
        List<int> ends = [0];
        ReadOnlySpan<byte> before = default;
        int deepest = 0;
        foreach (int index in order)
        {
            ReadOnlySpan<byte> text = texts[index].Span;
            if (text.IsEmpty || text.Length > ushort.MaxValue)
                continue;
            int common = before.CommonPrefixLength(text);
            Close(common + 1);
            for (int i = common; i < text.Length; i++)
            {
                open.Add(labels.Count);
                labels.Add(text[i]);
                depths.Add((ushort)(i + 1));
                firstTokens.Add(tokens.Count);
                ends.Add(0);
            }
            tokens.Add(ids[index]);
            before = text;
            deepest = Math.Max(deepest, text.Length);
        }
        Close(0);
        firstTokens.Add(tokens.Count);
        return new([.. labels], [.. ends], [.. firstTokens], [.. depths], [.. tokens]) { Deepest = deepest };

        void Close(int depth)
        {
            for (int i = open.Count - 1; i >= depth; i--)
                ends[open[i]] = labels.Count;
            if (depth < open.Count)
                open.RemoveRange(depth, open.Count - depth);
        }
    }

    /// <summary>The tokens that end at a node.</summary>
    public ReadOnlySpan<int> TokensAt(int node)
    {
        // Tokens come in the order of nodes, those of a node before those below it.
        int first = _firstTokens[node], end = _firstTokens[node + 1];
        return _tokens.AsSpan(first, end - first);
    }

    /// <summary>The tokens of a node and of all below it.</summary>
    public ReadOnlySpan<int> TokensBelow(int node) => _tokens.AsSpan(_firstTokens[node], _firstTokens[_ends[node]] - _firstTokens[node]);

    /// <summary>How few tokens spell a text, each as long as can be; 0 for an empty text. A byte without a token counts as one.</summary>
    public int Spell(ReadOnlySpan<byte> text)
    {
        int count = 0;
        for (int at = 0; at < text.Length; count++)
        {
            int node = 0, longest = 1;
            for (int i = at; i < text.Length && (node = Child(node, text[i])) > 0; i++)
            {
                if (TokensAt(node).Length > 0)
                    longest = i + 1 - at;
            }
            at += longest;
        }
        return count;
    }

    /// <summary>The node below another by a byte; 0 where there is none.</summary>
    public int Child(int node, byte value)
    {
        if (node == 0)
            return FirstBytes()[value];
        for (int child = node + 1; child < _ends[node]; child = _ends[child])
        {
            if (_labels[child] >= value)
                return _labels[child] == value ? child : 0;
        }
        return 0;
    }

    private int[] FirstBytes()
    {
        if (_firstBytes is null)
        {
            int[] found = new int[256];
            for (int child = 1; child < Count; child = _ends[child])
                found[_labels[child]] = child;
            _firstBytes = found;
        }
        return _firstBytes;
    }

    // By the first eight bytes as a number, which settles nearly all, then by the rest.
    private static int[] Sort(IReadOnlyList<ReadOnlyMemory<byte>> texts)
    {
        ulong[] keys = new ulong[texts.Count];
        int[] order = new int[texts.Count];
        Span<byte> head = stackalloc byte[8];
        for (int i = 0; i < keys.Length; i++)
        {
            ReadOnlySpan<byte> text = texts[i].Span;
            head.Clear();
            text[..Math.Min(8, text.Length)].CopyTo(head);
            (keys[i], order[i]) = (BinaryPrimitives.ReadUInt64BigEndian(head), i);
        }
        Array.Sort(keys, order);
        for (int first = 0; first < keys.Length;)
        {
            int end = first + 1;
            while (end < keys.Length && keys[end] == keys[first])
                end++;
            if (end > first + 1)
            {
                order.AsSpan(first, end - first).Sort((left, right) =>
                {
                    int sign = texts[left].Span.SequenceCompareTo(texts[right].Span);
                    return sign != 0 ? sign : left.CompareTo(right);
                });
            }
            first = end;
        }
        return order;
    }
}
