using System.Numerics;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The numbers of a set that have so many decimals at most, as whole numbers of the last decimal.</summary>
internal sealed class NumberGrid
{
    public required int Decimals { get; init; }

    /// <summary>The most digits before the point.</summary>
    public required int MostWhole { get; init; }

    /// <summary>The most digits in all.</summary>
    public required int MostDigits { get; init; }

    public required BigInteger First { get; init; }

    public required BigInteger Last { get; init; }

    public required BigInteger Step { get; init; }

    public required BigInteger[] NoSteps { get; init; }

    public required HashSet<BigInteger> Excluded { get; init; }

    public required BigInteger[]? List { get; init; }

    public required int MostTried { get; init; }

    /// <summary>How many numbers there are at least.</summary>
    public BigInteger Count
    {
        get
        {
            if (List is not null)
                return List.Length;
            BigInteger range = Last < First ? BigInteger.Zero : BigInteger.Max(0, FloorDivide(Last, Step) - FloorDivide(First - 1, Step));
            if (range > MostTried)
                return NoSteps.Length > 0 && !HasAny(First, Last, 0) ? BigInteger.Zero : NoSteps.Length > 0 ? BigInteger.One + Excluded.Count
                    : range - Excluded.Count;
            return Values(MostTried).Count();
        }
    }

    /// <summary>The numbers, ascending, as far as they are found within some steps.</summary>
    public IEnumerable<BigInteger> Values(int mostTried)
    {
        if (List is not null)
            return List;
        return Walk(First, Last, Step, mostTried);
    }

    /// <summary>Whether the set has a number within a range that ends in some zeros.</summary>
    /// <param name="first">The range's first.</param>
    /// <param name="last">Its last.</param>
    /// <param name="zeros">How many decimals must be zero, of those that the grid has.</param>
    public bool HasAny(BigInteger first, BigInteger last, int zeros)
    {
        BigInteger coarse = BigInteger.Pow(10, zeros);
        if (List is not null)
            return Array.Exists(List, number => number >= first && number <= last && (zeros == 0 || (number % coarse).IsZero));
        if (first < First)
            first = First;
        if (last > Last)
            last = Last;
        if (first > last)
            return false;
        BigInteger step = zeros == 0 ? Step : Step / BigInteger.GreatestCommonDivisor(Step, coarse) * coarse;
        return Walk(first, last, step, MostTried).Any();
    }

    private static BigInteger FloorDivide(BigInteger number, BigInteger divisor)
    {
        BigInteger quotient = BigInteger.DivRem(number, divisor, out BigInteger rest);
        return rest.Sign < 0 ? quotient - 1 : quotient;
    }

    private IEnumerable<BigInteger> Walk(BigInteger first, BigInteger last, BigInteger step, int mostTried)
    {
        BigInteger number = (FloorDivide(first - 1, step) + 1) * step;
        for (int tried = 0; number <= last && tried < mostTried; tried++, number += step)
        {
            bool fits = !Excluded.Contains(number);
            for (int i = 0; fits && i < NoSteps.Length; i++)
                fits = !(number % NoSteps[i]).IsZero;
            if (fits)
                yield return number;
        }
    }
}
