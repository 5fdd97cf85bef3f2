using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace MeKi.Tool.Tests;

/// <summary>Numbers on the command line are written one way, whatever the country, and each has its range.</summary>
[Trait("Fault", "18.6")]
public class NumberTests
{
    private static readonly string[] NoNumbers =
    [
        "0,5", "1,000", "1.000,5", " 1", "1 ", "1 000", "+5", "0x10", "1_000", "nan", "NaN", "inf", "Infinity", "-Infinity", "∞", "1e999", "-1e999", "1e-999",
        "٣", "５", "−1", "1f", "1e", "e1", "-", ".", "½", "1\u00A0000",
    ];

    /// <summary>Every option of every command that takes a number.</summary>
    public static TheoryData<string, string> Options
    {
        get
        {
            TheoryData<string, string> options = [];
            foreach (Command command in MekiCommand.Create().Subcommands)
            {
                foreach (Option option in command.Options.Where(option => TypeOf(option) is not null))
                    options.Add(command.Name, option.Name);
            }
            return options;
        }
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void What_is_not_plainly_a_number_is_refused(string command, string option)
    {
        bool isList = IsList(command, option);
        // A list is separated by commas.
        foreach (string text in NoNumbers.Where(text => !(isList && text.Contains(',', StringComparison.Ordinal))))
        {
            string error = Assert.Single(Errors(command, option, text), each => each.Contains(" takes a ", StringComparison.Ordinal));
            Assert.StartsWith($"{option} takes a ", error, StringComparison.Ordinal);
            Assert.Contains($"number from ", error, StringComparison.Ordinal);
            Assert.Contains($", not '{text}'", error, StringComparison.Ordinal);
        }
        Assert.Single(Errors(command, option, isList ? "1,,2" : "1.5.2"), each => each.StartsWith($"{option} takes a ", StringComparison.Ordinal));
        string error400 = Assert.Single(Errors(command, option, "1" + new string('0', 400)), each =>
            each.StartsWith($"{option} takes a ", StringComparison.Ordinal));
        Assert.InRange(error400.Length, 0, 200);
    }

    /// <summary>Also of an option whose range the model has anyway: the message says it before anything is loaded.</summary>
    [Theory]
    [MemberData(nameof(Options))]
    [Trait("Fault", "18.23")]
    public void A_range_ends_where_its_message_says(string command, string option)
    {
        string message = Assert.Single(Errors(command, option, "?"), each => each.StartsWith(option, StringComparison.Ordinal));
        string[] words = message.Split(' ');
        string least = words[Array.IndexOf(words, "from") + 1], most = words[Array.IndexOf(words, "to") + 1].TrimEnd(',');
        foreach (string end in new[] { least, most })
            Assert.DoesNotContain(Errors(command, option, end), each => each.Contains(" takes a ", StringComparison.Ordinal));
        foreach (double beyond in new[] { double.Parse(least, CultureInfo.InvariantCulture) - 1, double.Parse(most, CultureInfo.InvariantCulture) + 1 })
        {
            string[] errors = Errors(command, option, beyond.ToString("r", CultureInfo.InvariantCulture));
            Assert.Contains(errors, each => each.StartsWith(message[..message.IndexOf(" not", StringComparison.Ordinal)], StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("0.5", 0.5f)]
    [InlineData("1e-2", 0.01f)]
    [InlineData("1E+2", 100f)]
    [InlineData(".5", 0.5f)]
    [InlineData("-0", 0f)]
    [InlineData("0e5", 0f)]
    public void What_is_plainly_a_number_is_taken(string text, float expected)
    {
        Assert.True(Numbers.TryParse(text, out float number));
        Assert.Equal(expected, number);
    }

    /// <summary>The least positive float is 1.4e-45: what is below would become 0, which is the greedy choice.</summary>
    [Theory]
    [InlineData("1e-46")]
    [InlineData("0.00000000000000000000000000000000000000000000001")]
    public void What_the_type_would_make_0_is_refused(string text) => Assert.False(Numbers.TryParse<float>(text, out _));

    private static Type? TypeOf(Option option)
    {
        Type type = option.ValueType.IsArray ? option.ValueType.GetElementType()! : Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        return type.IsPrimitive && type != typeof(bool) ? type : null;
    }

    private static bool IsList(string command, string option) => Find(command).Options.Single(each => each.Name == option).ValueType.IsArray;

    private static Command Find(string command) => MekiCommand.Create().Subcommands.Single(each => each.Name == command);

    private static string[] Errors(string command, string option, string text)
    {
        string[] prompt = command == "run" && option != "--tokens" ? ["a prompt"] : [];
        return [.. MekiCommand.Create().Parse([command, .. prompt, $"{option}={text}"]).Errors.Select((ParseError error) => error.Message)];
    }
}
