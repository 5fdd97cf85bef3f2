using System.Globalization;
using MeKi.Start;

const string Usage = """
    How long a start takes.
      meki-start processes MODEL RUNS [NAME=VALUE…] PROGRAM…   process start to first text, each program in turn; settings go before the program they are for
      meki-start embedded MODEL RUNS                           MeKiModel.Load to first token, again and again in this process: code compiled, file cached
    """;
if (args is not [string mode, string model, string count, ..] || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int runs)
    || runs < 1)
{
    Console.Error.WriteLine(Usage);
    return 2;
}
switch (mode)
{
    case "processes" when args.Length > 3:
        ProcessStarts.Measure(model, runs, args[3..]);
        return 0;
    case "embedded":
        await EmbeddedStarts.MeasureAsync(model, runs).ConfigureAwait(false);
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}
