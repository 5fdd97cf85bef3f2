using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Evaluation;
using MeKi.Store;

namespace MeKi.Tool;

/// <summary>Runs a command line so that every failure a user can cause is one line on standard error and an exit code: 1 failed, 2 misused, 130 interrupted.</summary>
internal static class CommandFailure
{
    public static async Task<int> InvokeAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
            return Report(parsed.Errors[0].Message, 2);
        try
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(10) }).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return Report("interrupted", 130);
        }
        catch (Exception failure) when (failure is ModelFileException or RowFileException or SessionFileException or ContextOverflowException or EvaluationException or IOException or UnauthorizedAccessException
            or ArgumentException or InvalidOperationException)
        {
            return Report(failure.Message, 1);
        }
    }

    private static int Report(string message, int code)
    {
        Console.Error.WriteLine($"meki: {string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}");
        return code;
    }
}
