using System.Numerics;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>A set of numbers: bounds, multiples, exceptions, or a list.</summary>
internal sealed record NumberSet
{
    // Generated numbers: what both long and decimal hold.
    private const int MostDigits = 28, MostWhole = 19, MostDecimals = 17, MostTried = 2000;

    private NumberGrid? _grid;

    public JsonNumber? Least { get; init; }

    public bool IsAbove { get; init; }

    public JsonNumber? Most { get; init; }

    public bool IsBelow { get; init; }

    /// <summary>Numbers of which all are multiples.</summary>
    public IReadOnlyList<JsonNumber> Steps { get; init; } = [];

    /// <summary>Numbers of which none is a multiple.</summary>
    public IReadOnlyList<JsonNumber> NoSteps { get; init; } = [];

    public IReadOnlyList<JsonNumber> Excluded { get; init; } = [];

    /// <summary>The only numbers, if they are few.</summary>
    public IReadOnlyList<JsonNumber>? List { get; init; }

    /// <summary>Whether all its numbers are whole.</summary>
    public bool IsWhole => List is null ? Steps.Any(static step => step.Exponent >= 0) : List.All(static number => number.Exponent >= 0);

    /// <summary>Whether nothing is said but perhaps that numbers are whole.</summary>
    public bool IsFree => Least is null && Most is null && NoSteps.Count == 0 && Excluded.Count == 0 && List is null
        && (Steps.Count == 0 || (Steps.Count == 1 && Steps[0].Equals(JsonNumber.Of(1))));

    /// <summary>How many numbers it has at least, of those that can be generated.</summary>
    public BigInteger Count => Grid.Count;

    /// <summary>The generated ones, as whole numbers.</summary>
    public NumberGrid Grid => _grid ??= MakeGrid();

    /// <summary>Whether a number is in the set.</summary>
    public bool Contains(JsonNumber number) =>
        !(Least?.CompareTo(number) > (IsAbove ? -1 : 0)) && !(Most?.CompareTo(number) < (IsBelow ? 1 : 0)) && Steps.All(number.IsMultipleOf)
        && !NoSteps.Any(number.IsMultipleOf) && !Excluded.Contains(number) && List?.Contains(number) != false;

    /// <summary>Takes the higher of two lower bounds.</summary>
    public NumberSet From(JsonNumber least, bool isAbove)
    {
        int order = Least?.CompareTo(least) ?? -1;
        return order > 0 ? this : this with { Least = least, IsAbove = isAbove || (order == 0 && Least is not null && IsAbove), _grid = null };
    }

    /// <summary>Takes the lower of two upper bounds.</summary>
    public NumberSet To(JsonNumber most, bool isBelow)
    {
        int order = Most?.CompareTo(most) ?? 1;
        return order < 0 ? this : this with { Most = most, IsBelow = isBelow || (order == 0 && Most is not null && IsBelow), _grid = null };
    }

    public NumberSet StepOf(JsonNumber step) => Steps.Contains(step) ? this : this with { Steps = [.. Steps, step], _grid = null };

    public NumberSet NoStepOf(JsonNumber step) => NoSteps.Contains(step) ? this : this with { NoSteps = [.. NoSteps, step], _grid = null };

    public NumberSet Without(IEnumerable<JsonNumber> numbers) => this with { Excluded = [.. Excluded.Union(numbers.Where(Contains))], _grid = null };

    public NumberSet Of(IReadOnlyList<JsonNumber> list) => this with { List = list, _grid = null };

    /// <summary>What tells it from others.</summary>
    public string Describe() =>
        $"{Least}{(IsAbove ? '(' : '[')}{Most}{(IsBelow ? ')' : ']')}{string.Join(',', Steps)};"
            + $"{string.Join(',', NoSteps)};{string.Join(',', Excluded)};{(List is null ? "" : string.Join(',', List))}";

    private NumberGrid MakeGrid()
    {
        List<JsonNumber>? list = List?.Where(Contains).ToList();
        IEnumerable<JsonNumber> given = Steps.Concat(NoSteps).Concat(Excluded).Concat(list ?? []);
        if (Least is JsonNumber least)
            given = given.Append(least);
        if (Most is JsonNumber most)
            given = given.Append(most);
        JsonNumber[] all = [.. given];
        int decimals = IsWhole ? 0 : MostDecimals;
        decimals = Math.Max(decimals, all.Length > 0 ? all.Max(static number => number.Decimals) : 0);
        if (!IsWhole && Least is JsonNumber low && Most is JsonNumber high)
        {
            // Between two bounds that are close there must be room for numbers.
            JsonNumber gap = JsonNumber.Of(high.Scaled(decimals) - low.Scaled(decimals), -decimals);
            decimals = gap.Sign > 0 ? Math.Max(decimals, 2 - gap.Magnitude) : decimals;
        }
        int whole = Math.Max(MostWhole, (all.Length > 0 ? all.Max(static number => number.Magnitude) : 0) + 2);
        BigInteger unit = BigInteger.Pow(10, decimals), bound = BigInteger.Pow(10, whole) * unit - 1;
        if (IsWhole && whole == MostWhole)
            bound = long.MaxValue * unit;
        BigInteger first = Least is JsonNumber from ? from.Scaled(decimals) + (IsAbove ? 1 : 0) : -bound;
        BigInteger last = Most is JsonNumber to ? to.Scaled(decimals) - (IsBelow ? 1 : 0) : bound;
        BigInteger step = BigInteger.One;
        foreach (JsonNumber one in Steps)
        {
            BigInteger scaled = BigInteger.Abs(one.Scaled(decimals));
            step = step / BigInteger.GreatestCommonDivisor(step, scaled) * scaled;
        }
        return new()
        {
            Decimals = decimals,
            MostWhole = whole,
            MostDigits = Math.Max(MostDigits, Math.Max(whole, decimals + 1)),
            First = first,
            Last = last,
            Step = step,
            NoSteps = [.. NoSteps.Select(one => one.Scaled(decimals))],
            Excluded = [.. Excluded.Select(one => one.Scaled(decimals))],
            List = list?.Select(one => one.Scaled(decimals)).ToArray(),
            MostTried = MostTried + Excluded.Count,
        };
    }
}
