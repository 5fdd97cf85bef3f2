using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Expected values are from the Unicode Standard Annex 15 and NormalizationTest.txt.</summary>
public class CanonicalCompositionTests
{
    private static string Nfc(string text) => CanonicalComposition.Normalize(text).ToString();

    [Theory]
    [InlineData("", "")]
    [InlineData("plain ASCII é", "plain ASCII é")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u212B", "\u00C5")] // the ångström sign is a singleton
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323")]
    [InlineData("s\u0323\u0307", "\u1E69")]
    [InlineData("s\u0307\u0323", "\u1E69")] // marks are ordered first
    [InlineData("D\u0307\u0323", "\u1E0C\u0307")]
    [InlineData("\u1100\u1161", "\uAC00")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\uAC01\u11A8", "\uAC01\u11A8")]
    [InlineData("\uAC00\u11A7", "\uAC00\u11A7")]
    [InlineData("\u0958", "\u0915\u093C")] // excluded from composition
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\uF900", "\u8C48")]
    [InlineData("\U0002F800", "\u4E3D")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\U00011099\U000110BA", "\U0001109A")]
    [InlineData("a\u0305\u0301", "a\u0305\u0301")] // blocked by a mark of the same class
    [InlineData("a\u0315\u0300\u05AE\u0300\u0062", "\u00E0\u05AE\u0300\u0315b")]
    [InlineData("\u0301e", "\u0301e")]
    [InlineData("\u0B47\u0300\u0B3E", "\u0B47\u0300\u0B3E")] // a starter behind a mark is blocked
    [InlineData("Cu\u031B\u0309a Vie\u0323\u0302t", "C\u1EEDa Vi\u1EC7t")]
    public void Normalize_ComposesAsTheStandardSays(string text, string expected) => Assert.Equal(expected, Nfc(text));

    [Fact]
    public void Normalize_IsIdempotent_AndTheOrderOfUnrelatedMarksDoesNotMatter() => Prop.ForAll(
        Gen.Elements("a", "e", "o", "\u0301", "\u0323", "\u0302", "\u031B", "\u1100", "\u1161", "\u11A8", "\uAC00", "\u0958", "\U0001D15E", "é").ArrayOf()
            .Select(string.Concat).ToArbitrary(),
        static text => Nfc(Nfc(text)) == Nfc(text) && Nfc(text + "\u0323\u0301") == Nfc(text + "\u0301\u0323")).QuickCheckThrowOnFailure();

    [Fact]
    public void Normalize_AHundredThousandMarksInARow_DoesNotHang() =>
        Assert.Equal(100_001, Nfc("x" + string.Concat(Enumerable.Repeat("\u0315\u0323", 50_000))).Length);
}
