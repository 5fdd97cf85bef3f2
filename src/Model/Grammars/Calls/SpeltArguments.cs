using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Calls;

/// <summary>
/// Arguments that are not spelt as JSON. Each byte is translated: an automaton of the same arguments as JSON is told what they would be there.
/// </summary>
/// <param name="inner">The place in the arguments as JSON.</param>
/// <param name="after">Where the text goes on behind the arguments.</param>
/// <param name="unit">How many tokens the spelling takes for one of JSON, at most.</param>
/// <param name="tag">Tokens of the longest marker, and one.</param>
internal abstract class SpeltArguments(MatchState inner, MatchState after, int unit, int tag) : MatchState, ITextPlace
{
    // Markers behind a text: its own, and those of a parameter more.
    private const int MostMarkers = 4;

    /// <inheritdoc/>
    public sealed override bool IsComplete => false;

    /// <inheritdoc/>
    public override int Rest => RestOf(inner, MarkersLeft);

    /// <inheritdoc/>
    public sealed override ITextPlace? AsText => inner is TextState { Local: not null } && SpeltAs is not null ? this : null;

    /// <inheritdoc/>
    public TextState State => (TextState)inner;

    /// <inheritdoc/>
    public TextSpelling Spelling => SpeltAs!;

    /// <inheritdoc/>
    public virtual SpellingState Spelt => new(State.Local!.Character);

    /// <inheritdoc/>
    public int MostRest => Costs.Add(Costs.Times(unit, Math.Max(0, State.MostRest - after.Rest)), MostMarkers * tag, after.Rest);

    /// <inheritdoc/>
    public abstract MatchState? Within(TextPosition position, SpellingState state);

    /// <inheritdoc/>
    public abstract MatchState? Behind(ulong ends);

    /// <summary>How the text is written that it stands in; null where that is not so simple.</summary>
    protected abstract TextSpelling? SpeltAs { get; }

    /// <summary>How many markers are yet to come that are nothing in JSON, and what is left of the one in progress.</summary>
    protected abstract float MarkersLeft { get; }

    protected MatchState Inner => inner;

    protected MatchState After => after;

    protected int TagTokens => tag;

    /// <summary>Tokens to the end from a place in JSON and some markers before it.</summary>
    protected int RestOf(MatchState place, float markers) =>
        Costs.Add(Costs.Times(unit, Math.Max(0, place.Rest - after.Rest)), (int)(markers * tag), after.Rest);

    /// <summary>Whether a property's name can begin here.</summary>
    protected bool SeesKey => inner is JsonState && inner.Next((byte)'"') is TextState { Frame: KeyFrame };

    /// <summary>Whether a string can begin here.</summary>
    protected bool SeesString => inner is JsonState && inner.Next((byte)'"') is TextState { Frame: StringFrame };

    /// <inheritdoc/>
    public sealed override MatchState? Next(byte value, TextRecorder recorder) => Move(value, recorder);

    /// <inheritdoc/>
    public sealed override void Forget()
    {
        base.Forget();
        inner.Forget();
    }

    /// <inheritdoc/>
    protected sealed override MatchState? Step(byte value) => Move(value, null);

    /// <summary>The place after a byte.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="recorder">Keeps the text; null to look ahead.</param>
    protected abstract MatchState? Move(byte value, TextRecorder? recorder);

    /// <summary>The place of JSON after some bytes of JSON.</summary>
    protected static MatchState? Feed(MatchState? state, ReadOnlySpan<byte> bytes, TextRecorder? recorder)
    {
        foreach (byte value in bytes)
            state = recorder is null ? state?.Next(value) : state?.Next(value, recorder);
        return state;
    }

    /// <summary>The place of JSON after some bytes of a string, which JSON may have to escape.</summary>
    protected static MatchState? FeedText(MatchState? state, ReadOnlySpan<byte> bytes, TextRecorder? recorder)
    {
        foreach (byte value in bytes)
        {
            state = value switch
            {
                (byte)'"' or (byte)'\\' => Feed(state, [(byte)'\\', value], recorder),
                (byte)'\n' => Feed(state, "\\n"u8, recorder),
                (byte)'\t' => Feed(state, "\\t"u8, recorder),
                (byte)'\r' => Feed(state, "\\r"u8, recorder),
                < 0x20 => Feed(state, System.Text.Encoding.ASCII.GetBytes($"\\u{value:x4}"), recorder),
                _ => Feed(state, [value], recorder),
            };
        }
        return state;
    }

    /// <summary>The text in JSON at another place.</summary>
    protected TextState TextAt(TextPosition position, SpellingState state) => State.Frame.Plain(position.Within(state.Character));

    /// <summary>The place in JSON behind the text.</summary>
    protected MatchState? TextEnd(ulong ends) => State.Frame.AfterPlain(ends, null);
}
