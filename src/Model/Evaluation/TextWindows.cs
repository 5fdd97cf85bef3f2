using MeKi.Model.Tokenization;

namespace MeKi.Model.Evaluation;

/// <summary>The windows of a text that a model is measured on, as <c>llama-perplexity</c> cuts them; see <see cref="Perplexity"/> for the definition.</summary>
internal sealed class TextWindows
{
    private readonly int[] _tokens;
    private readonly int _advance;
    private readonly int? _firstToken;

    private TextWindows(int[] tokens, int length, int advance, int firstScored, int count, int? firstToken) =>
        (_tokens, Length, _advance, FirstScored, Count, _firstToken) = (tokens, length, advance, firstScored, count, firstToken);

    /// <summary>Windows.</summary>
    public int Count { get; }

    /// <summary>Tokens of a window.</summary>
    public int Length { get; }

    /// <summary>The first position in a window whose prediction of the next token is scored; all after it but the last are, too.</summary>
    public int FirstScored { get; }

    /// <summary>Predictions scored, over all windows.</summary>
    public int Scored => Count * (Length - 1 - FirstScored);

    /// <summary>The tokens of a window.</summary>
    public int[] this[int index]
    {
        get
        {
            int[] window = _tokens.AsSpan(index * _advance, Length).ToArray();
            window[0] = _firstToken ?? window[0];
            return window;
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">The window or the stride is out of range.</exception>
    /// <exception cref="EvaluationException">The text is too short.</exception>
    public static TextWindows Cut(Tokenizer tokenizer, EvaluationText text, int contextLength, int window, int? stride)
    {
        // Two tokens leave no prediction in the second half.
        if (window < 3 || window > contextLength)
            throw new ArgumentOutOfRangeException(nameof(window),
                $"A window of {window} tokens is not possible: it has 3 to {contextLength}, the model's context.");
        if (stride < 1 || stride >= window)
            throw new ArgumentOutOfRangeException(nameof(stride),
                $"A stride of {stride} is not possible in windows of {window} tokens: it is 1 to {window - 1}.");
        int[] tokens = tokenizer.Encode(text.Content, addSpecial: true, parseSpecial: false);
        int needed = stride is null ? window : window + 1;
        if (tokens.Length < needed)
            throw new EvaluationException(text.Name, "", $"the text has {tokens.Length} tokens where windows of {window} need at least {needed}",
                "Give a longer text or a smaller window");
        return stride is { } step
            ? new(tokens, window, step, window - step - 1, (tokens.Length - window + step - 1) / step, null)
            : new(tokens, window, window, window / 2, tokens.Length / window, tokenizer.AddsBos ? tokenizer.BosId : null);
    }
}
