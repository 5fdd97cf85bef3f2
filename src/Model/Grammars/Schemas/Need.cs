using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>What is asked of a value: some schemas hold and some do not. Equal needs are the same, but for those without values that were used up.</summary>
internal sealed class Need
{
    private readonly NeedTable _table;
    private readonly IReadOnlyList<JsonValue> _used;
    private Shape[]? _shapes;
    private StringShape[]? _strings;
    private (Shape Shape, int Height)[]? _possible;
    private long _count = -1;
    private bool _isCounting, _isListed;
    private IReadOnlyList<JsonValue>? _list;

    public Need(NeedTable table, Literal[] literals, Shape[]? shapes = null) : this(table, literals, shapes, [])
    {
    }

    private Need(NeedTable table, Literal[] literals, Shape[]? shapes, IReadOnlyList<JsonValue> used) =>
        (_table, Literals, _shapes, _used) = (table, literals, shapes, used);

    /// <summary>The schemas, by ascending key.</summary>
    public Literal[] Literals { get; }

    /// <summary>Where in the schema it is asked for: of several schemas the last.</summary>
    public string Pointer => Literals.Length > 0 ? Literals[^1].Node.Pointer : "#";

    /// <summary>The shapes of the values, the impossible among them.</summary>
    public Shape[] AllShapes => _shapes ??= _table.Shapes(this);

    /// <summary>The shapes of strings, found without the others: the names of a schema's properties may have to obey that very schema.</summary>
    public StringShape[] Strings => _strings ??= [.. _shapes?.OfType<StringShape>() ?? _table.Strings(this)];

    /// <summary>Tokens of the shortest value, as far as it is known.</summary>
    public int Cost { get; private set; } = Costs.Never;

    /// <summary>Levels of the lowest value.</summary>
    public int Height { get; private set; } = Costs.Never;

    /// <summary>Whether cost and height are final.</summary>
    public bool IsSolved { get; set; }

    /// <summary>The string language, once it is made ready for matching.</summary>
    public object? Prepared { get; set; }

    /// <summary>Whether there is a value, of so many levels at most.</summary>
    public bool IsPossible(int height)
    {
        if (!IsSolved)
            _table.Solve(this);
        return Cost < Costs.Never && Height <= height;
    }

    /// <summary>The shapes that have values.</summary>
    public IEnumerable<Shape> Of(JsonKind kind, int height)
    {
        if (!IsPossible(height))
            return [];
        _possible ??= [.. Possible().Select(static shape => (shape, shape.Measure().Height))];
        return _possible.Where(one => one.Shape.Kind == kind && one.Height <= height).Select(static one => one.Shape);
    }

    /// <summary>Takes cost and height anew from the shapes.</summary>
    /// <returns>Whether they changed.</returns>
    public bool Measure()
    {
        int cost = Costs.Never, height = Costs.Never;
        foreach (Shape shape in AllShapes.Where(static shape => !shape.IsImpossible))
        {
            (int oneCost, int oneHeight) = shape.Measure();
            if (oneCost < Costs.Never)
                (cost, height) = (Math.Min(cost, oneCost), Math.Min(height, oneHeight));
        }
        bool changed = cost != Cost || height != Height;
        (Cost, Height) = (cost, height);
        return changed;
    }

    /// <summary>Forgets cost and height.</summary>
    public void Reset() => (Cost, Height, IsSolved, _count, _isListed) = (Costs.Never, Costs.Never, false, -1, false);

    /// <summary>Whether a value is what is asked for.</summary>
    public bool Contains(JsonValue value) => Array.TrueForAll(Literals, literal => _table.Check.IsValid(literal, value)) && !_used.Contains(value);

    /// <summary>A bound from below of how many values there are.</summary>
    public long Count()
    {
        if (_count >= 0)
            return _count;
        // Within itself it counts as one, which is less than it is.
        if (_isCounting)
            return IsPossible(Costs.Never) ? 1 : 0;
        _isCounting = true;
        long? count = List()?.Count ?? _table.Count(Possible());
        _isCounting = false;
        if (!IsPossible(Costs.Never))
            return _count = 0;
        // As within itself. It is not kept: from elsewhere it may be counted.
        return count is long all ? _count = all : 1;
    }

    /// <summary>All values, where they are few and plain.</summary>
    public IReadOnlyList<JsonValue>? List()
    {
        if (!_isListed)
        {
            // Within itself it is not plain.
            (_isListed, _list) = (true, null);
            _list = IsPossible(Costs.Never) ? _table.List(Possible()) : [];
        }
        return _list;
    }

    /// <summary>The same without some values.</summary>
    public Need Without(IReadOnlyList<JsonValue> values)
    {
        if (values.Count == 0 || !IsPossible(Costs.Never))
            return this;
        JsonValue[] used = [.. values.Where(Contains)];
        if (used.Length == 0)
            return this;
        Need rest = new(_table, Literals, [.. AllShapes.Select(shape => shape.Without(used)).OfType<Shape>()], [.. _used, .. used]);
        // Its parts are those of shapes that are solved.
        _table.Solve(rest);
        return rest;
    }

    private IEnumerable<Shape> Possible() => AllShapes.Where(static shape => !shape.IsImpossible && shape.Measure().Cost < Costs.Never);
}
