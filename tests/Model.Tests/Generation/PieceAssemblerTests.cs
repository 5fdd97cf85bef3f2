using System.Text;
using MeKi.Model.Generation;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Generation;

public sealed class PieceAssemblerTests
{
    [Theory]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("😀")]
    [InlineData("a😀b€cédd\u0301")]
    public void Characters_come_whole_when_their_last_byte_does(string text)
    {
        Pieces pieces = new([]);
        List<string> given = [];
        foreach (byte each in Encoding.UTF8.GetBytes(text))
            given.Add(pieces.Push([each]));
        Assert.Equal(text, string.Concat(given));
        Assert.Equal(text.EnumerateRunes().Select(rune => rune.ToString()), given.Where(piece => piece.Length > 0));
        Assert.Equal("", pieces.Finish());
    }

    [Fact]
    public void Tokens_that_cut_characters_anywhere_give_the_same_text()
    {
        string text = "Ünïcödé: 日本語 😀 and the rest";
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        for (int size = 1; size < 8; size++)
        {
            Pieces pieces = new([]);
            string[] given = [.. bytes.Chunk(size).Select(chunk => pieces.Push(chunk)), pieces.Finish()];
            Assert.Equal(text, string.Concat(given));
            Assert.DoesNotContain(given, piece => piece.Contains('\uFFFD', StringComparison.Ordinal) || (piece.Length > 0 && char.IsHighSurrogate(piece[^1])));
        }
    }

    [Fact]
    public void An_incomplete_character_at_the_end_becomes_a_replacement()
    {
        Pieces pieces = new([]);
        Assert.Equal("a", pieces.Push([(byte)'a', 0xF0, 0x9F]));
        Assert.Equal("\uFFFD", pieces.Finish());
    }

    [Fact]
    public void Bytes_that_are_no_text_become_replacements_and_end_nothing()
    {
        Pieces pieces = new([]);
        Assert.Equal("\uFFFD", pieces.Push([0xFF]));
        Assert.Equal("", pieces.Push([0xE2, 0x82]));
        Assert.Equal("\uFFFDx", pieces.Push("x"u8));
        Assert.False(pieces.Stopped);
    }

    [Fact]
    public void A_stop_string_across_tokens_is_not_part_of_the_text()
    {
        Pieces pieces = new(["STOP"]);
        Assert.Equal(["one ", "", "", ""], new[] { "one ", "S", "T", "O" }.Select(token => pieces.Push(Encoding.UTF8.GetBytes(token))));
        Assert.False(pieces.Stopped);
        Assert.Equal("", pieces.Push("P and more"u8));
        Assert.True(pieces.Stopped);
        Assert.Equal("", pieces.Finish());
    }

    [Fact]
    public void What_only_begins_like_a_stop_string_is_held_back_and_then_given()
    {
        Pieces pieces = new(["STOP"]);
        Assert.Equal("", pieces.Push("ST"u8));
        Assert.Equal("ST", pieces.Push("ST"u8));
        Assert.Equal("STILL", pieces.Push("ILL"u8));
        Assert.Equal("", pieces.Push("STO"u8));
        Assert.Equal("STO", pieces.Finish());
        Assert.False(pieces.Stopped);
    }

    [Theory]
    [InlineData("aab", "aaab", "a")]
    [InlineData("abab", "xababab", "x")]
    [InlineData("é!", "caféé!x", "café")]
    [InlineData("😀", "a😁😀b", "a😁")]
    public void A_stop_string_is_found_whatever_byte_it_begins_at(string stop, string text, string expected)
    {
        Pieces pieces = new([stop]);
        StringBuilder given = new();
        foreach (byte each in Encoding.UTF8.GetBytes(text))
        {
            given.Append(pieces.Push([each]));
            if (pieces.Stopped)
                break;
        }
        Assert.True(pieces.Stopped);
        Assert.Equal(expected, given.ToString());
    }

    [Fact]
    public void The_first_of_several_stop_strings_ends_the_text()
    {
        Pieces pieces = new(["late", "early", "lyl"]);
        Assert.Equal("x ", pieces.Push("x earlylate"u8));
        Assert.True(pieces.Stopped);
    }

    /// <summary>An assembler that is given the bytes of its tokens.</summary>
    private sealed class Pieces
    {
        private readonly Bytes _decoder = new();
        private readonly PieceAssembler _pieces;

        public Pieces(string[] stopStrings) => _pieces = new(_decoder, stopStrings);

        public bool Stopped => _pieces.Stopped;

        public string Push(ReadOnlySpan<byte> token)
        {
            _decoder.Next = token.ToArray();
            _pieces.Push(new(0, null, []));
            return _pieces.TryTake(out TextPiece piece) ? piece : "";
        }

        public string Finish() => _pieces.TryFinish(out TextPiece piece) ? piece : "";
    }

    private sealed class Bytes : TokenDecoder
    {
        public byte[] Next { get; set; } = [];

        private protected override ReadOnlySpan<byte> NextBytes(int id) => Next;
    }
}
