using System.CommandLine;
using System.CommandLine.Parsing;
using MeKi.Model;

namespace MeKi.Tool;

/// <summary>
/// Runs a command line so that every failure a user can cause is one line on standard error and an exit code: 1 failed, 2 misused, 128 and the signal's number
/// where one ended it, which is 130 for Ctrl-C and 141, as for a broken pipe, where nobody reads standard output any more.
/// </summary>
internal static class CommandFailure
{
    private const int Failed = 1;
    private const int Misused = 2;
    private const int Unexpected = 70; // EX_SOFTWARE
    private const int ReaderGone = 141;
    private const int LongestMessage = 2_000;

    public static async Task<int> InvokeAsync(RootCommand root, string[] args, TerminationSignals? signals = null)
    {
        // What begins with @ is text: a prompt must not be able to read files and to set options.
        ParseResult parsed = root.Parse(args, new() { ResponseFileTokenReplacer = null });
        if (Misuse(parsed) is { } misuse)
            return Report($"{misuse.TrimEnd('.', '\n', '\r')}. Try '{string.Join(' ', Names(parsed.CommandResult))} --help'.", Misused);
        try
        {
            InvocationConfiguration bare = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            Task<int> work = Task.Run(() => parsed.InvokeAsync(bare, signals?.Token ?? CancellationToken.None));
            if (signals is not null)
                await Task.WhenAny(work, signals.Overdue).ConfigureAwait(false);
            return await (work.IsCompleted || signals is null ? work : Task.FromException<int>(new OperationCanceledException())).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return Report("interrupted", signals?.ExitCode ?? 130);
        }
        catch (StandardOutputException failure)
        {
            return failure.ReaderIsGone ? ReaderGone : Report(failure.Message, Failed);
        }
        catch (Exception failure) when (LacksAssembly(failure))
        {
            return Report("a part of .NET cannot be loaded; the process may open too few files (ulimit -n): 128 are enough", Failed);
        }
        catch (ArgumentException failure)
        {
            // Names of parameters are for programmers.
            return Report(failure.Message.Replace($" (Parameter '{failure.ParamName}')", "", StringComparison.Ordinal), Failed);
        }
        catch (Exception failure) when (failure is MeKiException or ContextOverflowException or IOException or UnauthorizedAccessException
            or InvalidOperationException or PlatformNotSupportedException)
        {
            return Report(failure.Message, Failed);
        }
        catch (OutOfMemoryException failure)
        {
            return Report(failure is InsufficientMemoryException ? failure.Message : "there is not enough memory", Failed);
        }
        catch (Exception failure)
        {
            return Report($"internal error, please report it: {failure.GetType().Name}: {failure.Message} {failure.StackTrace?.Split('\n')[0]}", Unexpected);
        }
    }

    /// <summary>What is wrong with a command line: what the parser says, or what it takes and no user means; null where there is nothing.</summary>
    private static string? Misuse(ParseResult parsed)
    {
        if (parsed.Errors.Count > 0 && parsed.CommandResult.Command is RootCommand root)
        {
            return parsed.UnmatchedTokens is [string unknown, ..]
                ? $"There is no command '{unknown}'"
                : $"A command is missing: {string.Join(", ", root.Subcommands.Select(each => each.Name))}";
        }
        if (parsed.Errors.Count > 0)
            return parsed.Errors[0].Message;
        bool isLiteral = parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash);
        foreach (SymbolResult symbol in parsed.CommandResult.Children)
        {
            foreach (Token token in symbol.Tokens)
            {
                if (symbol is ArgumentResult && !isLiteral && token.Value is ['-', _, ..])
                    return $"There is no option '{token.Value}'. A text that begins with '-' goes behind '--'.";
                if (token.Value.Length == 0 && symbol is OptionResult option)
                    return $"{option.Option.Name} takes a value that is not empty.";
                if (token.Value.Length == 0 && symbol is ArgumentResult { Argument.Name: not PromptOptions.ArgumentName } argument)
                    return $"<{argument.Argument.Name}> must not be empty.";
            }
        }
        return null;
    }

    // The runtime loads assemblies as they are needed, and says of one that it cannot open that it is not there.
    private static bool LacksAssembly(Exception? failure) => failure is not null
        && ((failure is FileNotFoundException { FileName: { } name } && name.Contains("PublicKeyToken=", StringComparison.Ordinal))
            || LacksAssembly(failure.InnerException));

    private static IEnumerable<string> Names(CommandResult command) =>
        command.Parent is CommandResult parent ? Names(parent).Append(command.Command.Name) : ["meki"];

    private static int Report(string message, int code)
    {
        string line = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        // File names and arguments may hold what a terminal obeys.
        Console.Error.WriteLine($"meki: {UntrustedText.Line(line, LongestMessage)}");
        return code;
    }
}
