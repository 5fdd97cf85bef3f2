using Microsoft.Extensions.Logging;

namespace MeKi.Model.Generation;

/// <summary>The log lines of a generation.</summary>
internal static partial class GenerationLog
{
    [LoggerMessage(20, LogLevel.Warning,
        "The prompt begins with two beginning-of-sequence tokens (id {Id}): the tokenizer adds one to a text. Leave the text's own out, or give token ids")]
    public static partial void TwoBeginnings(ILogger logger, int id);
}
