using MeKi.Model.Grammars.Matching;

namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>A place between the tokens of JSON.</summary>
internal abstract class JsonState(JsonLimits limits, int depth, Blanks blanks) : MatchState
{
    /// <inheritdoc/>
    public override bool IsComplete => false;

    /// <inheritdoc/>
    public sealed override MatchState? Next(byte value, TextRecorder? recorder)
    {
        if (value == '"')
            recorder?.Begin();
        return base.Next(value, recorder);
    }

    /// <inheritdoc/>
    protected sealed override MatchState? Step(byte value, TextRecorder? recorder)
    {
        if (!Blanks.IsBlank(value))
            return Take(value);
        return blanks.With(value, limits, depth) is Blanks next ? next == blanks ? this : With(next) : null;
    }

    /// <summary>The state after a byte that is no white space.</summary>
    protected abstract MatchState? Take(byte value);

    /// <summary>The same place after white space.</summary>
    protected abstract JsonState With(Blanks after);
}
