using System.CommandLine;
using MeKi.Tool;

RootCommand root = new("MeKi: language models whose knowledge lives on storage.")
{
    RunCommand.Create(),
    ConvertCommand.Create(),
    QuantizeCommand.Create(),
    SynthCommand.Create(),
    BenchCommand.Create(),
    VerifyCommand.Create(),
    InspectCommand.Create(),
    PerplexityCommand.Create(),
    CompareCommand.Create(),
    EvalCommand.Create(),
};
return await CommandFailure.InvokeAsync(root, args).ConfigureAwait(false);
