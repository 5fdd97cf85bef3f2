using System.Numerics;

namespace MeKi.Model.Templates.Values;

/// <summary>Which indices a slice takes, as Python counts them.</summary>
/// <param name="Start">The first.</param>
/// <param name="Step">From one to the next; not 0.</param>
/// <param name="Count">How many.</param>
internal readonly record struct Slice(int Start, int Step, int Count)
{
    public static Slice Of(Value? start, Value? stop, Value? step, int length)
    {
        BigInteger stride = Number(step) ?? BigInteger.One;
        if (stride.IsZero)
            throw new TemplateFault("slice step cannot be zero");
        bool isForward = stride.Sign > 0;
        (int least, int most) = isForward ? (0, length) : (-1, length - 1);
        int first = Clamp(Number(start), isForward ? least : most), last = Clamp(Number(stop), isForward ? most : least);
        // A longer stride takes the first element alone.
        int stepped = (int)BigInteger.Clamp(stride, -length - 1, length + 1);
        int count = isForward ? (last - first + stepped - 1) / stepped : (first - last - stepped - 1) / -stepped;
        return new(first, stepped, Math.Max(0, count));

        int Clamp(BigInteger? bound, int otherwise) =>
            bound is BigInteger given ? (int)BigInteger.Clamp(given.Sign < 0 ? given + length : given, least, most) : otherwise;
    }

    public int this[int i] => Start + i * Step;

    private static BigInteger? Number(Value? bound) => bound switch
    {
        null or NoneValue => null,
        WholeValue whole => whole.Number,
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault("slice indices must be integers or None or have an __index__ method"),
    };
}
