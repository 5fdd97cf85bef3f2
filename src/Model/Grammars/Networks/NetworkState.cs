using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Networks;

/// <summary>A place in a text of a grammar: the ways in which it can be read so far.</summary>
internal sealed class NetworkState(NetworkMachine machine, (NetworkFrame Frame, NetworkSet Set)[] ways, bool isComplete) : MatchState
{
    /// <summary>The places that a character leads on from, by frame.</summary>
    public (NetworkFrame Frame, NetworkSet Set)[] Ways => ways;

    /// <inheritdoc/>
    public override bool IsComplete => isComplete;

    /// <inheritdoc/>
    public override bool IsFinished => isComplete && ways.Length == 0;

    /// <inheritdoc/>
    public override int Rest => isComplete ? 0 : ways.Min(static way => Math.Min(NetworkNode.Never, way.Set.Rest + way.Frame.Rest));

    /// <inheritdoc/>
    public override void AddTo(MaskWriter mask)
    {
        foreach ((NetworkFrame frame, NetworkSet set) in ways)
        {
            if (!mask.TryAdd(set, frame, machine))
            {
                mask.Walk(this);
                return;
            }
        }
    }

    /// <summary>The state after a whole character.</summary>
    public NetworkState? After(int scalar) => machine.After(this, scalar);

    /// <summary>Whether a character of a range can follow.</summary>
    public bool HasNext(CharSet range) => Array.Exists(ways, way => way.Set.HasNext(range));

    /// <inheritdoc/>
    protected override MatchState? Step(byte value, TextRecorder? recorder) => value switch
    {
        < 0x80 => After(value),
        >= 0xC2 and < 0xE0 => PartState.Of(this, value & 0x1F, 1, 2),
        >= 0xE0 and < 0xF0 => PartState.Of(this, value & 0x0F, 2, 3),
        >= 0xF0 and < 0xF5 => PartState.Of(this, value & 0x07, 3, 4),
        _ => null,
    };

    /// <summary>Within the bytes of a character.</summary>
    private sealed class PartState(NetworkState from, int value, int left, int length) : MatchState
    {
        public override bool IsComplete => false;

        // Some characters more than before it began is enough for any.
        public override int Rest => from.Rest + left + 4;

        public static PartState? Of(NetworkState from, int value, int left, int length)
        {
            int least = length switch { 2 => 0x80, 3 => 0x800, _ => 0x10000 };
            int first = Math.Max(value << (6 * left), least), last = Math.Min(((value + 1) << (6 * left)) - 1, 0x10FFFF);
            return first <= last && from.HasNext(CharSet.Range(first, last)) ? new PartState(from, value, left, length) : null;
        }

        protected override MatchState? Step(byte next, TextRecorder? recorder)
        {
            if ((next & 0xC0) != 0x80)
                return null;
            int whole = (value << 6) | (next & 0x3F);
            if (left > 1)
                return Of(from, whole, left - 1, length);
            return whole >= (length switch { 2 => 0x80, 3 => 0x800, _ => 0x10000 }) && System.Text.Rune.IsValid(whole) ? from.After(whole) : null;
        }
    }
}
