using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Calls;

/// <summary>Arguments as Python writes them, behind the parenthesis: <c>city="Lyon", days=3)</c>.</summary>
internal sealed class PythonArguments : SpeltArguments
{
    private static readonly TextSpelling s_name = TextSpelling.UpTo("="u8.ToArray(), isName: true);

    private readonly Place _at;

    private PythonArguments(MatchState inner, MatchState after, Place at) : base(inner, after, 1, 1) => _at = at;

    private enum Place
    {
        Value,
        Name,
        N,
        No,
        Non,
    }

    /// <inheritdoc/>
    protected override float MarkersLeft => 1;

    /// <inheritdoc/>
    protected override TextSpelling? SpeltAs => _at == Place.Name ? s_name : TextSpelling.Json;

    /// <inheritdoc/>
    public override MatchState? Within(TextPosition position, SpellingState state) => To(TextAt(position, state), _at);

    /// <inheritdoc/>
    public override MatchState? Behind(ulong ends) => _at == Place.Name ? To(Feed(TextEnd(ends), ":"u8, null), Place.Value) : To(TextEnd(ends), _at);

    /// <summary>Begins arguments.</summary>
    /// <param name="inner">The arguments as JSON.</param>
    /// <param name="after">Where the text goes on behind them.</param>
    public static MatchState? Begin(MatchState inner, MatchState after) =>
        inner.Next((byte)'{') is MatchState open ? new PythonArguments(open, after, Place.Value) : null;

    /// <inheritdoc/>
    protected override MatchState? Move(byte value, TextRecorder? recorder) => (_at, (char)value) switch
    {
        (Place.Name, '=') => To(Feed(Inner, "\":"u8, recorder), Place.Value),
        (Place.Name, _) => TextSpelling.IsNameByte(value) ? To(Feed(Inner, [value], recorder), Place.Name) : null,
        (Place.N, 'o') => To(Feed(Inner, "u"u8, recorder), Place.No),
        (Place.No, 'n') => To(Feed(Inner, "l"u8, recorder), Place.Non),
        (Place.Non, 'e') => To(Feed(Inner, "l"u8, recorder), Place.Value),
        (not Place.Value, _) => null,
        _ when Inner is TextState => To(Feed(Inner, [value], recorder), Place.Value),
        (_, 'N') => To(Feed(Inner, "n"u8, recorder), Place.N),
        (_, 'T') => To(Feed(Inner, "t"u8, recorder), Place.Value),
        (_, 'F') => To(Feed(Inner, "f"u8, recorder), Place.Value),
        (_, ')') => Feed(Inner, "}"u8, recorder) is MatchState end && ReferenceEquals(end, After) ? end : null,
        _ when Inner.Next((byte)'"') is TextState { Frame: KeyFrame { Depth: 0 } } && !Blanks.IsBlank(value) =>
            TextSpelling.IsNameByte(value) ? To(Feed(Inner, [(byte)'"', value], recorder), Place.Name) : null,
        // The brace is not written.
        _ => Feed(Inner, [value], recorder) is MatchState next && !ReferenceEquals(next, After) ? To(next, Place.Value) : null,
    };

    private PythonArguments? To(MatchState? inner, Place at) => inner is null ? null
        : ReferenceEquals(inner, Inner) && at == _at ? this : new PythonArguments(inner, After, at);
}
