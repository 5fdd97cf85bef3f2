namespace MeKi.Tool.Tests;

/// <summary>
/// The program in this process, which is faster than one of its own. Who uses it belongs to the collection "console": a process has one console.
/// </summary>
internal static class ConsoleProgram
{
    public static async Task<ProgramResult> Run(params string[] arguments)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using StringWriter writtenOutput = new(), writtenError = new();
        Console.SetOut(writtenOutput);
        Console.SetError(writtenError);
        try
        {
            int exitCode = await CommandFailure.InvokeAsync(MekiCommand.Create(), arguments);
            return new(exitCode, writtenOutput.ToString(), writtenError.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
