using System.Text;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Calls;

/// <summary>The tags around parameters.</summary>
/// <param name="Open">Stands before a name.</param>
/// <param name="NameEnds">Stand behind it, with white space between them.</param>
/// <param name="Close">Stands behind a value.</param>
/// <param name="End">Stands behind the last parameter.</param>
/// <param name="TypeEnds">Where tags tell texts from JSON, and values are exact: what stands last in the tag of a text, and of JSON. Else nothing.</param>
internal sealed record ParameterTags(byte[] Open, byte[][] NameEnds, byte[] Close, byte[] End, byte[][] TypeEnds)
{
    /// <summary>How a parameter's name is written.</summary>
    public TextSpelling Name { get; } = TextSpelling.UpTo(NameEnds[0], isName: true);

    /// <summary>How its value is written, where that is a text.</summary>
    public TextSpelling Text { get; } = TextSpelling.UpTo(Close, isLined: TypeEnds.Length == 0);

    /// <summary>What may follow the first end of a name.</summary>
    public byte[][] Seconds { get; } = TypeEnds.Length == 0 ? NameEnds[1..] : TypeEnds;

    /// <summary>Whether a line break on either side of a value belongs to the tags.</summary>
    public bool AreLined => TypeEnds.Length == 0;

    /// <summary>Bytes of all that stands behind a name, at most.</summary>
    public int NameEndLength { get; } = NameEnds.Sum(static end => end.Length) + TypeEnds.Select(static end => end.Length).DefaultIfEmpty().Max();
}

/// <summary>Arguments between tags, behind the function's name: texts as they are, all else as JSON.</summary>
internal sealed class XmlArguments : SpeltArguments
{
    private const int MostSpaces = 8;

    private readonly ParameterTags _tags;
    private readonly Func<string, bool> _isText;
    private readonly Place _at;
    private readonly byte[] _held;

    private XmlArguments(MatchState inner, MatchState after, int tag, ParameterTags tags, Func<string, bool> isText, Place at, byte[] held)
        : base(inner, after, 2 * tag, tag) => (_tags, _isText, _at, _held) = (tags, isText, at, held);

    private enum Place
    {
        /// <summary>Between parameters; held is the tag so far, or white space.</summary>
        Between,

        /// <summary>Held is the whole name so far.</summary>
        Name,

        /// <summary>Between the two tags behind a name; held is the name, then a zero, then the second tag so far.</summary>
        NameEnd,

        /// <summary>Before a text's first byte, which may be a line break of the tag's.</summary>
        TextStart,

        /// <summary>Within a text; held is what may belong to its end.</summary>
        Text,

        /// <summary>Within a value of JSON.</summary>
        Json,

        /// <summary>Within the tag behind it.</summary>
        Close,
    }

    /// <inheritdoc/>
    public override SpellingState Spelt => _at switch
    {
        Place.Name => new(default, Begun(_held, _tags.NameEnds[0]), IsStart: _held.Length == 0),
        Place.Json => base.Spelt,
        _ => base.Spelt with { Held = _held.Length - (HoldsLine ? 1 : 0), HasLine = HoldsLine, IsStart = _at == Place.TextStart },
    };

    /// <inheritdoc/>
    protected override TextSpelling? SpeltAs => _at switch
    {
        Place.Name => _tags.Name,
        Place.Json => TextSpelling.Json,
        Place.TextStart or Place.Text => _tags.Text,
        _ => null,
    };

    // Names that no schema speaks of are all alike: what the name is does not matter here.
    private byte[] NameSoFar => _held[..^Begun(_held, _tags.NameEnds[0])];

    private byte[] SecondSoFar => _held[(_held.AsSpan().IndexOf((byte)0) + 1)..];

    private bool HoldsLine => _held.Length > 0 && _held[0] == '\n';

    /// <inheritdoc/>
    public override MatchState? Within(TextPosition position, SpellingState state)
    {
        TextState text = TextAt(position, state);
        byte[] held = Spelling.HeldBytes(state).ToArray();
        return _at switch
        {
            Place.Json => To(text, Place.Json, []),
            Place.Name => held.Length > 0 && Feed(text, "\":"u8, null) is null ? null : To(text, Place.Name, [.. NameSoFar, .. held]),
            _ => held.Length > 0 ? Held(text, held) : To(text, Place.Text, []),
        };
    }

    /// <inheritdoc/>
    public override MatchState? Behind(ulong ends) => TextEnd(ends) is not MatchState end ? null : _at switch
    {
        Place.Json => IsWithin(end) ? To(end, Place.Json, []) : null,
        Place.Name => NameEnded(end, NameSoFar, null),
        _ => To(end, Place.Between, []),
    };

    /// <summary>Begins arguments.</summary>
    /// <param name="inner">The arguments as JSON.</param>
    /// <param name="after">Where the text goes on behind them.</param>
    /// <param name="tag">Tokens of the longest tag, and one.</param>
    /// <param name="tags">The tags.</param>
    /// <param name="isText">Whether the value of a parameter is a text, by its name.</param>
    public static MatchState? Begin(MatchState inner, MatchState after, int tag, ParameterTags tags, Func<string, bool> isText) =>
        inner.Next((byte)'{') is MatchState open ? new XmlArguments(open, after, tag, tags, isText, Place.Between, []) : null;

    /// <inheritdoc/>
    protected override MatchState? Move(byte value, TextRecorder? recorder) => _at switch
    {
        Place.Between => Between(value, recorder),
        Place.Name => Name(value, recorder),
        Place.NameEnd => NameEnd(value, recorder),
        Place.TextStart when value == '\n' => To(Inner, Place.Text, []),
        Place.TextStart or Place.Text => Text(value, recorder),
        Place.Json => Inner is not TextState && value == _tags.Close[0] ? IsValueWhole ? To(Inner, Place.Close, [value]) : null
            : Feed(Inner, [value], recorder) is MatchState next && IsWithin(next) ? To(next, Place.Json, []) : null,
        _ => Grows(value, _tags.Close) is byte[] held ? held.Length == _tags.Close.Length ? To(Inner, Place.Between, []) : To(Inner, Place.Close, held) : null,
    };

    /// <inheritdoc/>
    public override int Rest
    {
        get
        {
            // A tag that says that a text follows rules out what may be shorter.
            if (_at == Place.NameEnd && !_tags.AreLined && !_tags.TypeEnds[1].AsSpan().StartsWith(SecondSoFar))
                return RestOf(Feed(Inner, ":\""u8, null)!, MarkersLeft);
            if (_at != Place.Between || _held.Length == 0 || Blanks.IsBlank(_held[0]))
                return base.Rest;
            // A tag that has begun leads to the end, or to one parameter more.
            int end = CanEnd && _tags.End.AsSpan().StartsWith(_held) ? RestOf(Inner, 1 - (float)_held.Length / _tags.End.Length) : Costs.Never;
            return _tags.Open.AsSpan().StartsWith(_held) && Opened(null) is MatchState open
                ? Math.Min(end, RestOf(open, 3 - (float)_held.Length / _tags.Open.Length)) : end;
        }
    }

    /// <inheritdoc/>
    protected override float MarkersLeft
    {
        get
        {
            int ends = _tags.NameEndLength;
            return _at switch
            {
                Place.Between => 1,
                Place.Name => 2 - (float)Begun(_held, _tags.NameEnds[0]) / ends,
                Place.NameEnd => 2 - (float)(_tags.NameEnds[0].Length + SecondSoFar.Length) / ends,
                Place.Text or Place.Close => 2 - (float)_held.Count(static one => one != '\n') / _tags.Close.Length,
                // A tag is yet to come behind the value.
                _ => 2,
            };
        }
    }

    private bool IsValueWhole => ReferenceEquals(Inner.Next((byte)'}'), After) || Inner.Next((byte)',') is ObjectState { Depth: 0 };

    private bool CanEnd => ReferenceEquals(Inner.Next((byte)'}'), After);

    // What separates parameters in JSON is not written here.
    private bool IsWithin(MatchState next) => !ReferenceEquals(next, After) && !(next is ObjectState { Depth: 0, IsBehindComma: true });

    private MatchState? Between(byte value, TextRecorder? recorder)
    {
        bool isBlank = Blanks.IsBlank(value);
        if (_held.Length == 0 || Blanks.IsBlank(_held[0]))
        {
            if (isBlank)
                return _held.Length < MostSpaces ? To(Inner, Place.Between, [.. _held, value]) : null;
            return Tag([value], recorder);
        }
        return Tag([.. _held, value], recorder);
    }

    private MatchState? Tag(byte[] held, TextRecorder? recorder)
    {
        if (_tags.End.AsSpan().StartsWith(held) && CanEnd)
        {
            if (held.Length == _tags.End.Length)
                return After;
            return To(Inner, Place.Between, held);
        }
        if (!_tags.Open.AsSpan().StartsWith(held) || Opened(null) is null)
            return null;
        return held.Length == _tags.Open.Length ? To(Opened(recorder), Place.Name, []) : To(Inner, Place.Between, held);
    }

    // Within the quotes of a property's name.
    private MatchState? Opened(TextRecorder? recorder) => Feed(Inner, "\""u8, recorder) is MatchState { } first ? first : Feed(Inner, ",\""u8, recorder);

    private XmlArguments? Name(byte value, TextRecorder? recorder)
    {
        int begun = Begun(_held, _tags.NameEnds[0]);
        if (value == _tags.NameEnds[0][begun])
        {
            byte[] name = _held[..^begun];
            // The name's own bytes have been told already; what follows is the tag.
            if (name.Length == 0 || Feed(Inner, "\":"u8, null) is null)
                return null;
            return begun + 1 < _tags.NameEnds[0].Length ? To(Inner, Place.Name, [.. _held, value])
                : NameEnded(Feed(Inner, "\""u8, recorder), name, recorder);
        }
        return begun == 0 && TextSpelling.IsNameByte(value)
            ? To(Feed(Inner, [value], recorder), Place.Name, [.. _held, value]) : null;
    }

    private XmlArguments? NameEnd(byte value, TextRecorder? recorder)
    {
        byte[] so = [.. SecondSoFar, value];
        if (so.Length == 1 && value == '\n' && _tags.AreLined)
            return this;
        foreach (byte[] tag in _tags.Seconds)
        {
            if (!tag.AsSpan().StartsWith(so) || !CanBe(tag))
                continue;
            if (so.Length < tag.Length)
                return To(Inner, Place.NameEnd, [.. _held, value]);
            return Value(Inner, _tags.AreLined ? IsText(_held[..^so.Length]) : tag == _tags.TypeEnds[0], recorder);
        }
        return null;
    }

    // Whether the value can be what the tag says.
    private bool CanBe(byte[] tag)
    {
        if (_tags.AreLined)
            return true;
        MatchState value = Feed(Inner, ":"u8, null)!;
        foreach (byte first in tag == _tags.TypeEnds[0] ? "\""u8 : "{[tfn-0123456789"u8)
        {
            if (value.Next(first) is not null)
                return true;
        }
        return false;
    }

    private XmlArguments? NameEnded(MatchState? key, byte[] name, TextRecorder? recorder) => Feed(key, ":"u8, null) is null ? null
        : _tags.Seconds.Length > 0 ? To(key, Place.NameEnd, [.. name, 0]) : Value(key!, IsText(name), recorder);

    private bool IsText(byte[] name) => _isText(Encoding.UTF8.GetString(name));

    private XmlArguments? Value(MatchState key, bool mayBeText, TextRecorder? recorder)
    {
        MatchState? value = Feed(key, ":"u8, recorder);
        MatchState? text = value?.Next((byte)'"') is null || !mayBeText ? null : Feed(value, "\""u8, recorder);
        return text is null ? To(value, Place.Json, []) : To(text, _tags.AreLined ? Place.TextStart : Place.Text, []);
    }

    private XmlArguments? Text(byte value, TextRecorder? recorder)
    {
        // A line break may belong to the tag behind it.
        int tag = _held.Length - (HoldsLine ? 1 : 0);
        if (value == _tags.Close[tag])
        {
            if (tag + 1 < _tags.Close.Length)
                return Held(Inner, [.. _held, value]);
            return Feed(Inner, "\""u8, recorder) is MatchState end ? To(end, Place.Between, []) : null;
        }
        // A carriage return at the end would be taken for a part of the line break.
        if (value == '\r' && _tags.AreLined)
            return null;
        MatchState? text = FeedText(Inner, _held, recorder);
        if ((value == '\n' && _tags.AreLined) || value == _tags.Close[0])
            return Held(text, [value]);
        return To(FeedText(text, [value], recorder), Place.Text, []);
    }

    // What may become the end must be able to be it, or to be text.
    private XmlArguments? Held(MatchState? text, byte[] held) =>
        Feed(text, "\""u8, null) is not null || FeedText(text, held, null) is not null ? To(text, Place.Text, held) : null;

    // How much of a tag stands at the end of a name.
    private static int Begun(byte[] name, byte[] tag)
    {
        int at = name.AsSpan().LastIndexOf(tag[0]);
        return at < 0 ? 0 : name.Length - at;
    }

    private byte[]? Grows(byte value, byte[] tag) => tag[_held.Length] == value ? [.. _held, value] : null;

    private XmlArguments? To(MatchState? inner, Place at, byte[] held) => inner is null ? null
        : ReferenceEquals(inner, Inner) && at == _at && held.AsSpan().SequenceEqual(_held) ? this
        : new XmlArguments(inner, After, TagTokens, _tags, _isText, at, held);
}
