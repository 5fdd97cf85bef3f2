using MeKi.Model.Adapters;
using MeKi.Model.Grammars;
using MeKi.Model.Sampling;

namespace MeKi.Model.Generation;

/// <summary>How a continuation is chosen, and where it ends.</summary>
public sealed record GenerationOptions : SamplingOptions
{
    /// <summary>The most tokens to generate, 0 or more. The end of the model's context also ends the text, unless <see cref="ContextShift"/> makes
    /// room.</summary>
    public int MaxTokens { get; init => field = Checked(value, value >= 0, nameof(MaxTokens), "0 or more"); } = 256;

    /// <summary>The adapters to compute with; empty for the model alone. Null takes those of the session. A session that was given keeps them
    /// afterwards.</summary>
    public IReadOnlyList<AdapterChoice>? Adapters { get; init; }

    /// <summary>Changes the logits before the samplers see them; null leaves them as they are. Several can be added together.</summary>
    public LogitsProcessor? LogitsProcessor { get; init; }

    /// <summary>What the text must be: a grammar, a JSON schema, a regular expression. It is when it is complete, and it is completed within
    /// <see cref="MaxTokens"/> where so many suffice; <see cref="FinishReason.Length"/> says that it was cut. Null for any text.</summary>
    public Grammar? Grammar { get; init; }

    /// <summary>
    /// For how many of the likeliest tokens each generated token has log-probabilities, 0 or more: the model's own, before the samplers and
    /// <see cref="LogitsProcessor"/>. 0 gives only the generated token's; null computes none.
    /// </summary>
    public int? LogProbabilities { get; init => field = Checked(value, value is null or >= 0, nameof(LogProbabilities), "0 or more"); }

    /// <summary>
    /// The most tokens that a pass guesses from the text so far, 0 to 15; 0, the default, guesses none. Where the text repeats what stood before, as a summary,
    /// a quotation or changed code does, several tokens then take one pass. No token changes, and where guesses do not pay none are made. A guess takes the
    /// memory of its logits, four bytes for each entry of the vocabulary.
    /// </summary>
    public int PromptLookup { get; init => field = Checked(value, value is >= 0 and < 16, nameof(PromptLookup), "from 0 to 15"); }

    /// <summary>
    /// Whether the names of control tokens in a prompt's text, such as <c>&lt;|im_end|&gt;</c>, become those tokens. By default they are plain text, so that
    /// text from users cannot end its turn or begin another's. For a chat template say true and keep such names out of what users wrote, or put the tokens
    /// together with <see cref="Tokenization.Tokenizer.Encode(string, bool, bool)"/>.
    /// </summary>
    public bool ParseSpecialTokens { get; init; }

    /// <summary>Texts that end the generation, none of them empty (<see cref="ArgumentException"/>); they are not part of it. The list is copied.</summary>
    public IReadOnlyList<string> StopStrings
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(StopStrings));
            string[] stops = [.. value];
            field = stops.Any(string.IsNullOrEmpty) ? throw new ArgumentException("A stop string is empty.", nameof(StopStrings)) : stops;
        }
    } = [];

    /// <summary>
    /// Goes on at the end of the model's context: the first <see cref="KeepTokens"/> tokens stay, of the others the older half is forgotten and the rest is
    /// computed anew at its new place, as a session that was never told more. That costs as many tokens of prefill as it makes room for tokens: at most one for
    /// each generated token. A prompt longer than the context is refused all the same.
    /// </summary>
    public bool ContextShift { get; init; }

    /// <summary>
    /// How many tokens of the prompt a <see cref="ContextShift"/> never forgets; −1 for all. Where these fill the context, its end ends the text.
    /// </summary>
    public int KeepTokens { get; init => field = Checked(value, value >= -1, nameof(KeepTokens), "-1 or more"); }

    /// <summary>Control tokens whose texts are part of the generated text all the same, by their ids; null for none.</summary>
    internal IReadOnlyDictionary<int, string>? ShownTokens { get; init; }
}

/// <summary>Changes the logits of a token before it is chosen: a bias, a mask (−∞ forbids a token; at least one must stay finite).</summary>
/// <param name="tokens">The session's tokens so far, those of the prompt first.</param>
/// <param name="logits">The next token's, [vocabulary of the tokenizer].</param>
public delegate void LogitsProcessor(ReadOnlySpan<int> tokens, Span<float> logits);
