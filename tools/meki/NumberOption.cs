using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using MeKi.Kernels;

namespace MeKi.Tool;

/// <summary>
/// An option with a number in a range. Numbers are written the same in every country: ASCII digits, a minus sign, where it is no whole number a decimal point
/// and an exponent. A comma, a plus sign, a space or another word is refused, and so is what the type cannot hold.
/// </summary>
/// <typeparam name="T">The number's type: <see cref="int"/>, <see cref="float"/> or <see cref="double"/>.</typeparam>
internal sealed class NumberOption<T> : Option<T?>
    where T : struct, INumber<T>
{
    /// <param name="name">Its name.</param>
    /// <param name="aliases">Its other names.</param>
    /// <param name="description">What it does.</param>
    /// <param name="least">The least value.</param>
    /// <param name="most">The greatest.</param>
    /// <param name="fallback">The value where the option is not given; null for none.</param>
    public NumberOption(string name, string[] aliases, string description, T least, T most, T? fallback = null)
        : base(name, aliases)
    {
        Description = description;
        HelpName = "N";
        Arity = ArgumentArity.ExactlyOne;
        CustomParser = argument => Numbers.Parse(argument, argument.Tokens[^1].Value, name, least, most);
        if (fallback is not null)
            DefaultValueFactory = _ => fallback;
    }

    /// <summary>The number given, or the fallback.</summary>
    public T Of(ParseResult parsed) => parsed.GetValue(this)!.Value;
}

/// <summary>Reads numbers from the command line; see <see cref="NumberOption{T}"/>.</summary>
internal static class Numbers
{
    private const int MostShown = 40;

    /// <summary>The option that says how many threads compute.</summary>
    public static NumberOption<int> Threads() =>
        new("--threads", ["-t"], "Threads that compute. Default: one per performance core.", 1, ComputePool.MaxThreads);

    /// <summary>The option that bounds a model's memory.</summary>
    public static NumberOption<double> MaxMemory() =>
        new("--max-memory", [], "The most megabytes that the model may take; one that takes more is refused before it is loaded.", 0.001, 1 << 30);

    /// <summary>What <see cref="MaxMemory()"/> says, in bytes; null for no bound.</summary>
    public static long? Bytes(this NumberOption<double> megabytes, ParseResult parsed) => (long?)(parsed.GetValue(megabytes) * (1 << 20));

    /// <summary>An option with whole numbers, separated by commas or given one after the other.</summary>
    public static Option<int[]> List(string name, string[] aliases, string description, int least, int most) => new(name, aliases)
    {
        Description = description,
        HelpName = "N,N",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
        CustomParser = argument =>
            [.. argument.Tokens.SelectMany(token => token.Value.Split(',')).Select(part => Parse(argument, part, name, least, most) ?? least)],
    };

    /// <summary>Reads a number; an error of the argument, and null, where it is none in the range.</summary>
    public static T? Parse<T>(ArgumentResult argument, string text, string name, T least, T most)
        where T : struct, INumber<T>
    {
        if (TryParse(text, out T number) && number >= least && number <= most)
            return number;
        string kind = typeof(T) == typeof(int) ? "whole number" : "number", shown = text.Length > MostShown ? text[..MostShown] + "…" : text;
        string comma = text.Contains(',', StringComparison.Ordinal) ? " (decimals take a point)" : "";
        argument.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} takes a {kind} from {least} to {most}, not '{shown}'{comma}."));
        return null;
    }

    /// <summary>Reads a number as the command line writes it.</summary>
    internal static bool TryParse<T>(string text, out T number)
        where T : struct, INumber<T>
    {
        number = default;
        if (!text.All(each => char.IsAsciiDigit(each) || each is '-' or '+' or '.' or 'e' or 'E') || text.StartsWith('+'))
            return false;
        NumberStyles styles = NumberStyles.AllowLeadingSign;
        if (typeof(T) != typeof(int))
            styles |= NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!T.TryParse(text, styles, CultureInfo.InvariantCulture, out number) || !T.IsFinite(number))
            return false;
        // What is too small for the type must not become 0, which may mean something else. The digits of an exponent do not count.
        bool isZero = text.AsSpan(0, text.IndexOfAny(['e', 'E']) is >= 0 and int exponent ? exponent : text.Length).IndexOfAnyInRange('1', '9') < 0;
        return isZero || number != T.Zero;
    }
}
