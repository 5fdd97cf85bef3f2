using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>A place between the tokens of JSON.</summary>
internal abstract class JsonState(JsonLimits limits, int depth, Blanks blanks) : MatchState
{
    private JsonState? _origin;

    /// <inheritdoc/>
    public override bool IsComplete => false;

    /// <inheritdoc/>
    public sealed override MatchState? Next(byte value, TextRecorder recorder)
    {
        if (value == '"')
            recorder.Begin();
        return Next(value);
    }

    /// <inheritdoc/>
    protected sealed override MatchState? Step(byte value)
    {
        // What comes after white space is what comes without, and is found once.
        if (!Blanks.IsBlank(value))
            return _origin is null ? Take(value) : _origin.Next(value);
        if (blanks.With(value, limits, depth) is not Blanks next)
            return null;
        if (next == blanks)
            return this;
        JsonState after = With(next);
        after._origin = _origin ?? this;
        return after;
    }

    /// <summary>The state after a byte that is no white space.</summary>
    protected abstract MatchState? Take(byte value);

    /// <summary>The same place after white space.</summary>
    protected abstract JsonState With(Blanks after);
}
