using MeKi.Tool;

StandardStreams.Install();
using TerminationSignals signals = new();
return await CommandFailure.InvokeAsync(MekiCommand.Create(), args, signals).ConfigureAwait(false);
