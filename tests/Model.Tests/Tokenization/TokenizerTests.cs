using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Files;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;
using MeKi.Tests;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>What holds of tokenizers of any family.</summary>
public sealed class TokenizerTests : IDisposable
{
    private static readonly Tokenizer s_tiny = new BytePairTokenizer(TinyTokenizer.Data with { BosId = TinyTokenizer.Tool, AddBos = true });

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ids_are_added_to_a_list()
    {
        List<int> ids = [7];
        s_tiny.Encode("hello", ids);
        s_tiny.Encode("<|end|>", ids, addSpecial: false, parseSpecial: false);
        Assert.Equal([7, .. s_tiny.Encode("hello"), .. s_tiny.Encode("<|end|>", addSpecial: false, parseSpecial: false)], ids);
        Assert.Equal((TinyTokenizer.Tool, true, TinyTokenizer.Tool), (s_tiny.BosId, s_tiny.AddsBos, ids[1]));
    }

    [Fact]
    public void A_tokenizer_without_a_beginning_adds_none() =>
        Assert.False(new BytePairTokenizer(TinyTokenizer.Data with { BosId = null, AddBos = true }).AddsBos);

    [Fact]
    public void Tokens_are_looked_up_by_id_and_by_text()
    {
        Assert.Equal(("Ġw", TokenKind.Normal), (s_tiny.TokenText(TinyTokenizer.FirstMerged + 4), s_tiny.KindOf(TinyTokenizer.FirstMerged + 4)));
        Assert.Equal(("<|end|>", TokenKind.Control), (s_tiny.TokenText(TinyTokenizer.End), s_tiny.KindOf(TinyTokenizer.End)));
        Assert.True(s_tiny.TryGetId("Ġw", out int id));
        Assert.Equal(TinyTokenizer.FirstMerged + 4, id);
        Assert.False(s_tiny.TryGetId("nowhere", out id));
        Assert.Equal(-1, id);
        Assert.Throws<ArgumentOutOfRangeException>(static () => s_tiny.TokenText(-1));
        Assert.Throws<ArgumentOutOfRangeException>(static () => s_tiny.KindOf(s_tiny.VocabularySize));
        Assert.Throws<ArgumentOutOfRangeException>(static () => s_tiny.CreateDecoder().Append(s_tiny.VocabularySize).Length);
    }

    [Fact]
    public void A_decoder_gives_a_character_with_its_last_byte()
    {
        TokenDecoder decoder = s_tiny.CreateDecoder();
        int[] ids = ['a', TinyTokenizer.End, 0xF0, 0x9F, TinyTokenizer.End, 0x98, 0x80, TinyTokenizer.Tool];
        Assert.Equal(["a", "", "", "", "", "", "😀", "<tool>"], ids.Select(id => decoder.Append(id).ToString()));
        Assert.Equal("", decoder.Append(0xE2).ToString());
        Assert.Equal("\uFFFD", decoder.Finish().ToString());
        Assert.Equal("", decoder.Finish().ToString());
    }

    [Fact]
    public void A_decoded_token_allocates_nothing()
    {
        TokenDecoder decoder = s_tiny.CreateDecoder();
        int[] ids = s_tiny.Encode("hello wörld 😀");
        foreach (int id in ids)
            decoder.Append(id);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int count = 0;
        foreach (int id in ids)
            count += decoder.Append(id).Length;
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal("hello wörld 😀".Length, count - "<tool>".Length);
    }

    [Fact]
    public void A_tokenizer_loads_without_its_model()
    {
        File.WriteAllText(_folder["tokenizer.json"], TinyTokenizer.Json().ToJsonString());
        Assert.Equal(TinyTokenizer.Data.Tokens.Count, Tokenizer.Load(_folder["tokenizer.json"]).VocabularySize);
        Assert.Equal([TinyTokenizer.End], Tokenizer.Load(_folder.FullName).EosIds);
        string demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");
        using MeKiModel model = MeKiModel.Load(demo);
        Assert.Equal(model.Tokenizer!.Encode("ROMEO:"), Tokenizer.Load(demo).Encode("ROMEO:"));
        Assert.Equal(model.Tokenizer.Encode("ROMEO:"), Tokenizer.Load(Path.Combine(demo, "model.gguf")).Encode("ROMEO:"));
        Assert.Throws<ModelFileException>(() => Tokenizer.Load(_folder["none"]));
    }

    [Fact]
    public void The_longest_added_token_of_those_that_begin_first_is_found() => Prop.ForAll(
        Gen.Elements("<", "a", ">", "<a", "<a>", "<<", "é", " ").ArrayOf().Select(string.Concat).ArrayOf(6).ToArbitrary(), texts =>
        {
            string[] names = texts[1..];
            TokenKind[] kinds = [.. names.Select(static (_, i) => i % 2 == 0 ? TokenKind.Control : TokenKind.UserDefined)];
            AddedTokens added = new(Utf8Strings.Of(names), kinds);
            foreach (bool all in new[] { true, false })
            {
                int at = 0;
                foreach ((int start, int length, int id) in Naive(texts[0], names, kinds, all))
                {
                    Assert.True(added.TryFind(texts[0], at, all, out int s, out int l, out int i));
                    Assert.Equal((start, length, id), (s, l, i));
                    at = start + length;
                }
                Assert.False(added.TryFind(texts[0], at, all, out int end, out _, out _));
                Assert.Equal(texts[0].Length, end);
            }
        }).QuickCheckThrowOnFailure();

    // Every name at every place; of the same text the first counts, and where it is no name that a user defined, none.
    private static List<(int Start, int Length, int Id)> Naive(string text, string[] names, TokenKind[] kinds, bool all)
    {
        List<(int, int, int)> found = [];
        for (int at = 0; at < text.Length;)
        {
            int best = -1;
            for (int id = 0; id < names.Length; id++)
            {
                bool counts = names[id].Length > 0 && Array.IndexOf(names, names[id]) == id && (all || kinds[id] == TokenKind.UserDefined);
                if (counts && text.AsSpan(at).StartsWith(names[id], StringComparison.Ordinal) && (best < 0 || names[id].Length > names[best].Length))
                    best = id;
            }
            if (best >= 0)
                found.Add((at, names[best].Length, best));
            at += best < 0 ? 1 : names[best].Length;
        }
        return found;
    }
}
