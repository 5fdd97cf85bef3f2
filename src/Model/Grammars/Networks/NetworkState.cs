using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Networks;

/// <summary>A place in a text of a grammar: the ways in which it can be read so far.</summary>
internal sealed class NetworkState(NetworkMachine machine, (NetworkFrame Frame, NetworkSet Set)[] ways, bool isComplete) : MatchState
{
    private readonly (bool IsKnown, NetworkState? State)[] _after = new (bool, NetworkState?)[machine.Classes.Count];
    private readonly Dictionary<(int Kind, int Left), PartState> _parts = [];
    private int _rest = -1;

    /// <summary>The places that a character leads on from, by frame.</summary>
    public (NetworkFrame Frame, NetworkSet Set)[] Ways => ways;

    /// <inheritdoc/>
    public override bool IsComplete => isComplete;

    /// <inheritdoc/>
    public override int Rest => _rest >= 0 ? _rest
        : _rest = isComplete ? 0 : ways.Min(static way => Math.Min(NetworkNode.Never, way.Set.Rest + way.Frame.Rest));

    private CharClasses Classes => machine.Classes;

    /// <summary>Nothing is forgotten: states come again, and the machine bounds their number.</summary>
    public override void Forget()
    {
    }

    /// <inheritdoc/>
    public override void AddTo(MaskWriter mask)
    {
        foreach ((NetworkFrame frame, NetworkSet set) in ways)
            mask.Add(set, frame, machine);
    }

    /// <inheritdoc/>
    protected override MatchState? Step(byte value) => value switch
    {
        < 0x80 => After(Classes.Of(value)),
        >= 0xC2 and < 0xE0 => Part(value & 0x1F, 1, 2),
        >= 0xE0 and < 0xF0 => Part(value & 0x0F, 2, 3),
        >= 0xF0 and < 0xF5 => Part(value & 0x07, 3, 4),
        _ => null,
    };

    /// <summary>The state after a character of a class; null where none of the ways goes on.</summary>
    public NetworkState? After(int kind)
    {
        if (!_after[kind].IsKnown)
            _after[kind] = (true, machine.After(this, kind));
        return _after[kind].State;
    }

    /// <summary>The fewest bytes to the end from within a character; <see cref="NetworkNode.Never"/> where none leads there.</summary>
    public int RestWithin(JsonCharacter character)
    {
        int rest = NetworkNode.Never;
        Span<(int First, int Last)> ranges = stackalloc (int, int)[3];
        foreach ((int first, int last) in ranges[..character.Ranges(ranges)])
        {
            foreach (int kind in Classes.Between(first, last))
                rest = Math.Min(rest, (After(kind)?.Rest ?? NetworkNode.Never) + character.BytesTo(first));
        }
        return rest;
    }

    // The state within a character whose first bytes give a value; null where it can become none that may follow.
    private PartState? Part(int value, int left, int length)
    {
        int first = Math.Max(value << (6 * left), Least(length)), last = Math.Min(((value + 1) << (6 * left)) - 1, 0x10FFFF);
        if (first > last || (first >= 0xD800 && last < 0xE000))
            return null;
        bool isWhole = last - first + 1 == 1 << (6 * left) && (last < 0xD800 || first >= 0xE000);
        // What can only become characters of one class is all the same.
        if (isWhole && Classes.OnlyOne(first, last) is int kind)
        {
            if (After(kind) is null)
                return null;
            if (!_parts.TryGetValue((kind, left), out PartState? part))
                _parts[(kind, left)] = part = new(this, value, left, length);
            return part;
        }
        return Kinds(first, last).Any(one => After(one) is not null) ? new(this, value, left, length) : null;
    }

    // The first character that is spelt with so many bytes.
    private static int Least(int length) => length switch
    {
        2 => 0x80,
        3 => 0x800,
        _ => 0x10000,
    };

    private IEnumerable<int> Kinds(int first, int last) => Classes.Between(first, last).Distinct();

    /// <summary>Within the bytes of a character.</summary>
    private sealed class PartState(NetworkState from, int value, int left, int length) : MatchState
    {
        public override bool IsComplete => false;

        public override int Rest => left + from.Kinds(Math.Max(value << (6 * left), Least(length)), ((value + 1) << (6 * left)) - 1)
            .Select(kind => from.After(kind)?.Rest ?? NetworkNode.Never).DefaultIfEmpty(NetworkNode.Never).Min();

        protected override MatchState? Step(byte next)
        {
            if ((next & 0xC0) != 0x80)
                return null;
            int whole = (value << 6) | (next & 0x3F);
            if (left > 1)
                return from.Part(whole, left - 1, length);
            return whole >= Least(length) && System.Text.Rune.IsValid(whole) ? from.After(from.Classes.Of(whole)) : null;
        }
    }
}
