using System.CommandLine;
using System.CommandLine.Help;
using MeKi.Tool.Adapters;

namespace MeKi.Tool;

/// <summary><c>meki</c> with all its commands.</summary>
internal static class MekiCommand
{
    private const int PlainWidth = 100;

    public static RootCommand Create()
    {
        RootCommand root = new("MeKi: language models whose knowledge lives on storage.")
        {
            RunCommand.Create(),
            ChatCommand.Create(),
            ServeCommand.Create(),
            ConvertCommand.Create(),
            QuantizeCommand.Create(),
            SynthCommand.Create(),
            BenchCommand.Create(),
            VerifyCommand.Create(),
            InspectCommand.Create(),
            DoctorCommand.Create(),
            PerplexityCommand.Create(),
            CompareCommand.Create(),
            EvalCommand.Create(),
            AdapterCommand.Create(),
        };
        // Whoever asks .NET how wide a terminal is has it prepare the terminal, by an escape sequence.
        if (!Console.IsOutputRedirected && !StageProgress.TakesEscapeSequences)
            root.Options.OfType<HelpOption>().Select(option => option.Action).OfType<HelpAction>().Single().MaxWidth = PlainWidth;
        return root;
    }
}
