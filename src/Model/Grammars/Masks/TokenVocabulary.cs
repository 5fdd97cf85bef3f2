using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Grammars.Masks;

/// <summary>A tokenizer's vocabulary as masks need it.</summary>
internal sealed class TokenVocabulary
{
    private static readonly ConditionalWeakTable<Tokenizer, ConcurrentDictionary<string, TokenVocabulary>> s_known = [];

    private readonly ReadOnlyMemory<byte>[] _texts;

    /// <param name="texts">The bytes of each token; none for those that stand for no text.</param>
    /// <param name="ends">The tokens that end a text.</param>
    public TokenVocabulary(ReadOnlyMemory<byte>[] texts, IReadOnlyList<int> ends)
    {
        (_texts, Ends) = (texts, ends);
        Trie = TokenTrie.Of(texts, [.. Enumerable.Range(0, texts.Length)]);
        MostBegun = 1 + texts.Max(static text => text.Span.Count((byte)'[') + text.Span.Count((byte)'{'));
    }

    /// <summary>How many values one token begins at most: its brackets and braces, and one more.</summary>
    public int MostBegun { get; }

    /// <summary>How many tokens there are.</summary>
    public int Count => _texts.Length;

    /// <summary>Words of 64 bits of a mask.</summary>
    public int Words => (Count + 63) / 64;

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int> Ends { get; }

    /// <summary>The tokens by their bytes.</summary>
    public TokenTrie Trie { get; }

    /// <summary>The vocabulary of a tokenizer, made once.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="shown">Control tokens that have texts all the same; null for none.</param>
    public static TokenVocabulary Of(Tokenizer tokenizer, IReadOnlyDictionary<int, string>? shown = null) =>
        s_known.GetOrCreateValue(tokenizer).GetOrAdd(string.Join(',', (shown ?? ImmutableDictionary<int, string>.Empty).Keys.Order()), _ =>
        {
            ReadOnlyMemory<byte>[] texts = new ReadOnlyMemory<byte>[tokenizer.VocabularySize];
            // In one array: a quarter of a million of objects would be looked at in each full collection.
            List<byte> all = [];
            int[] ends = new int[texts.Length];
            for (int id = 0; id < texts.Length; id++)
            {
                if (!tokenizer.IsEndOfText(id))
                    all.AddRange(tokenizer.TokenBytes(id));
                ends[id] = all.Count;
            }
            byte[] bytes = [.. all];
            for (int id = 0; id < texts.Length; id++)
                texts[id] = bytes.AsMemory((id == 0 ? 0 : ends[id - 1])..ends[id]);
            foreach ((int id, string text) in shown ?? ImmutableDictionary<int, string>.Empty)
                texts[id] = Encoding.UTF8.GetBytes(text);
            return new(texts, tokenizer.EosIds);
        });

    /// <summary>The bytes of a token.</summary>
    public ReadOnlySpan<byte> Bytes(int token) => _texts[token].Span;

    /// <summary>How few tokens spell a text.</summary>
    public int Tokens(string text) => Trie.Spell(Encoding.UTF8.GetBytes(text));
}
