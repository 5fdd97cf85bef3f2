using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Calls;

/// <summary>Arguments as Gemma 4 writes them: names without quotes, texts between <c>&lt;|"|&gt;</c>. Spelt as JSON they are read as well.</summary>
internal sealed class GemmaArguments : SpeltArguments
{
    public const string Quote = "<|\"|>";

    private static readonly TextSpelling s_name = TextSpelling.UpTo(":"u8.ToArray(), isName: true), s_text = TextSpelling.UpTo(Marker.ToArray());

    private readonly bool _isBare;
    private readonly Place _at;
    private readonly int _held;

    private GemmaArguments(MatchState inner, MatchState after, int tag, bool isBare, Place at, int held)
        : base(inner, after, tag, tag) => (_isBare, _at, _held) = (isBare, at, held);

    private enum Place
    {
        Json,
        Opening,
        Text,
        Name,
    }

    /// <inheritdoc/>
    protected override float MarkersLeft => 1 - (float)_held / Marker.Length;

    private static ReadOnlySpan<byte> Marker => "<|\"|>"u8;

    /// <inheritdoc/>
    public override SpellingState Spelt => base.Spelt with { Held = _held };

    /// <inheritdoc/>
    protected override TextSpelling? SpeltAs => _at switch
    {
        Place.Name => s_name,
        Place.Text => s_text,
        _ => TextSpelling.Json,
    };

    /// <inheritdoc/>
    public override MatchState? Within(TextPosition position, SpellingState state) =>
        state.IsHeld ? Held(TextAt(position, state), state.Held) : To(TextAt(position, state), _at);

    /// <inheritdoc/>
    public override MatchState? Behind(ulong ends) => To(_at == Place.Name ? Feed(TextEnd(ends), ":"u8, null) : TextEnd(ends), Place.Json);

    /// <summary>Begins arguments.</summary>
    /// <param name="inner">The arguments as JSON.</param>
    /// <param name="after">Where the text goes on behind them.</param>
    /// <param name="tag">Tokens of the quote, and one.</param>
    /// <param name="isBare">Whether names can stand without quotes.</param>
    public static MatchState Begin(MatchState inner, MatchState after, int tag, bool isBare) =>
        new GemmaArguments(inner, after, tag, isBare, Place.Json, 0);

    /// <inheritdoc/>
    protected override MatchState? Move(byte value, TextRecorder? recorder)
    {
        switch (_at)
        {
            case Place.Json when Inner is not TextState && value == Marker[0]:
                return SeesString ? To(Inner, Place.Opening, 1) : null;
            case Place.Json when Inner is not TextState && _isBare && TextSpelling.IsNameByte(value) && SeesKey:
                return To(Feed(Inner, [(byte)'"', value], recorder), Place.Name);
            case Place.Json:
                return To(Feed(Inner, [value], recorder), Place.Json);
            case Place.Opening when value != Marker[_held]:
                return null;
            case Place.Opening:
                return _held + 1 < Marker.Length ? To(Inner, Place.Opening, _held + 1) : To(Feed(Inner, "\""u8, recorder), Place.Text);
            case Place.Name:
                return value == ':' ? To(Feed(Inner, "\":"u8, recorder), Place.Json)
                    : TextSpelling.IsNameByte(value) ? To(Feed(Inner, [value], recorder), Place.Name) : null;
        }
        if (value == Marker[_held])
            return _held + 1 < Marker.Length ? Held(Inner, _held + 1) : To(Feed(Inner, "\""u8, recorder), Place.Json);
        // What looked like the quote was text.
        MatchState? text = FeedText(Inner, Marker[.._held], recorder);
        return value == Marker[0] ? Held(text, 1) : To(FeedText(text, [value], recorder), Place.Text);
    }

    // What may become the quote must be able to be it, or to be text.
    private MatchState? Held(MatchState? text, int held) =>
        Feed(text, "\""u8, null) is not null || FeedText(text, Marker[..held], null) is not null ? To(text, Place.Text, held) : null;

    private MatchState? To(MatchState? inner, Place at, int held = 0) => inner is null || ReferenceEquals(inner, After) ? inner
        : ReferenceEquals(inner, Inner) && at == _at && held == _held ? this : new GemmaArguments(inner, After, TagTokens, _isBare, at, held);
}
