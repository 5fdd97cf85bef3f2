using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using MeKi.Model.Evaluation;

namespace MeKi.Tool;

/// <summary>Where a command takes its prompt from: an argument, a file, standard input, or token ids.</summary>
internal sealed class PromptOptions
{
    public const string ArgumentName = "prompt";

    private const string StandardInput = "-";
    private const int MostBytes = 64 << 20;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Argument<string?> _text = new(ArgumentName)
    {
        Description = "The text to continue; - reads it from standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _file = new("--file", "-f")
    {
        Description = "Read the prompt from a UTF-8 file; - is standard input. The line end at its very end is dropped.",
        HelpName = "FILE",
    };

    private readonly Option<int[]> _tokens = Numbers.List("--tokens", [], "The prompt as token ids: 1,2,3. Only what follows is printed.", 0, int.MaxValue);
    private readonly Option<bool> _noSpecial = new("--no-special") { Description = "Take the names of special tokens, such as <|im_start|>, as plain text." };

    public void AddTo(Command command)
    {
        _tokens.AllowMultipleArgumentsPerToken = false;
        command.Add(_text);
        command.Add(_file);
        command.Add(_tokens);
        command.Add(_noSpecial);
        command.Validators.Add(parsed =>
        {
            int sources = new SymbolResult?[] { parsed.GetResult(_text), parsed.GetResult(_file), parsed.GetResult(_tokens) }.Count(each =>
                each is { Tokens.Count: > 0 });
            if (sources == 0)
                parsed.AddError("There is no prompt: give a text, --file FILE, --tokens N,N or - for standard input.");
            if (sources > 1)
                parsed.AddError("Give one prompt: a text, --file or --tokens.");
        });
    }

    /// <summary>Whether special tokens that are written out in the prompt count as such.</summary>
    public bool ParsesSpecialTokens(ParseResult parsed) => !parsed.GetValue(_noSpecial);

    /// <summary>The prompt as token ids; null where it is a text.</summary>
    public int[]? Tokens(ParseResult parsed) => parsed.GetResult(_tokens) is null ? null : parsed.GetValue(_tokens);

    /// <summary>The prompt as a text.</summary>
    /// <exception cref="EvaluationException">It cannot be read or is not UTF-8.</exception>
    public async Task<string> TextAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string? argument = parsed.GetValue(_text), file = argument == StandardInput ? StandardInput : parsed.GetValue(_file);
        if (file is null)
            return argument!;
        string text = file == StandardInput ? await ReadInputAsync(cancellation).ConfigureAwait(false) : EvaluationText.Read(file).Content;
        return text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
    }

    private static async Task<string> ReadInputAsync(CancellationToken cancellation)
    {
        using MemoryStream bytes = new();
        await using Stream input = StandardStreams.OpenInput();
        byte[] block = new byte[1 << 16];
        // A read from a terminal or a pipe cannot be cancelled, only left.
        for (int count; (count = await Task.Run(() => input.Read(block), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false)) > 0;)
        {
            bytes.Write(block, 0, count);
            if (bytes.Length > MostBytes)
                throw new EvaluationException("standard input", "", $"has more than {MostBytes >> 20} MB, which no context holds", "Give less");
        }
        ReadOnlySpan<byte> text = bytes.GetBuffer().AsSpan(0, (int)bytes.Length);
        try
        {
            return Strict.GetString(text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text);
        }
        catch (DecoderFallbackException failure)
        {
            throw new EvaluationException("standard input", $"byte {failure.Index}", "the text is not UTF-8", "Convert it to UTF-8", failure);
        }
    }
}
