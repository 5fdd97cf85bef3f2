using System.Runtime.CompilerServices;
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

    /// <summary>About how many tokens it takes to complete the text.</summary>
    public abstract int Rest { get; }

    /// <summary>The text that it stands in, where most of what tokens do depends on nothing around it.</summary>
    public virtual ITextPlace? AsText => null;

    /// <summary>
    /// The place after one more byte, looking ahead: the text of a string that is open is not known, and what depends on it is refused.
    /// </summary>
    /// <param name="value">The byte.</param>
    /// <returns>The place; null where no text that goes on so can be completed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MatchState? Next(byte value)
    {
        MatchState next = _next?[value >> 4]?[value & 15] ?? Find(value);
        return ReferenceEquals(next, s_none) ? null : next;
    }

    /// <summary>The place after one more byte of the text.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="recorder">Keeps the text of a string that is open.</param>
    /// <returns>The place; null where no text that goes on so can be completed.</returns>
    public virtual MatchState? Next(byte value, TextRecorder recorder) => Next(value);

    /// <summary>The text has gone on: the places that were looked ahead at are not kept.</summary>
    public virtual void Forget() => _next = null;

    /// <summary>Adds the tokens that may follow to a mask.</summary>
    public virtual void AddTo(MaskWriter mask) => mask.Walk(this);

    /// <summary>As <see cref="Next(byte)"/>, without remembering.</summary>
    protected abstract MatchState? Step(byte value);

    private MatchState Find(byte value)
    {
        MatchState?[] row = (_next ??= new MatchState?[16][])[value >> 4] ??= new MatchState?[16];
        return row[value & 15] = Step(value) ?? s_none;
    }

    private sealed class NoState : MatchState
    {
        public override bool IsComplete => false;

        public override int Rest => int.MaxValue;

        protected override MatchState? Step(byte value) => null;
    }
}
