using MeKi.Model.Grammars.Masks;

namespace MeKi.Model.Grammars.Matching;

/// <summary>
/// A place in a text that a grammar allows, from which the text can be completed. Immutable but for what it remembers of its followers; the owner of the
/// grammar lets one thread at a time use it.
/// </summary>
internal abstract class MatchState
{
    private static readonly MatchState s_none = new NoState();

    // By the upper and the lower half of the byte.
    private MatchState?[]?[]? _next;

    /// <summary>Whether the text may end here.</summary>
    public abstract bool IsComplete { get; }

    /// <summary>Whether the text is complete and nothing but white space can follow.</summary>
    public virtual bool IsFinished => false;

    /// <summary>About how many tokens it takes to complete the text.</summary>
    public abstract int Rest { get; }

    /// <summary>The place after one more byte; null where no text that goes on so can be completed.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="recorder">Keeps the text of a string that is open; null to look ahead: then what depends on that text is refused.</param>
    public virtual MatchState? Next(byte value, TextRecorder? recorder)
    {
        MatchState?[] row = (_next ??= new MatchState?[16][])[value >> 4] ??= new MatchState?[16];
        MatchState next = row[value & 15] ??= Step(value, recorder) ?? s_none;
        return ReferenceEquals(next, s_none) ? null : next;
    }

    /// <summary>Adds the tokens that may follow to a mask.</summary>
    public virtual void AddTo(MaskWriter mask) => mask.Walk(this);

    /// <summary>As <see cref="Next"/>, without remembering.</summary>
    protected abstract MatchState? Step(byte value, TextRecorder? recorder);

    private sealed class NoState : MatchState
    {
        public override bool IsComplete => false;

        public override int Rest => int.MaxValue;

        protected override MatchState? Step(byte value, TextRecorder? recorder) => null;
    }
}
