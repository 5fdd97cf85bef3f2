using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using MeKi.Kernels.Kv;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>
/// One generation, whoever computes it: tokens to pass on come out, their logits go in, pieces of text come out. For one thread at a time; what a grammar
/// allows
/// next is found meanwhile on another.
/// </summary>
internal sealed class Continuation : IThreadPoolWorkItem
{
    // With the token before them and guesses they fill a pass.
    private const int MostForced = Layers.Pass.MaxBatch - 16;

    private const int NotAsked = 0, Asked = 1, Begun = 2, Found = 3;

    private readonly GenerationOptions _options;
    private readonly Tokenizer _tokenizer;
    private readonly TokenChoice _choice;
    private readonly PieceAssembler _pieces;
    private readonly List<int> _tokens;
    private readonly CacheLayout _layout;
    private readonly int _capacity, _keep;
    private ExceptionDispatchInfo? _maskFailure;
    private int _mask, _cut = int.MaxValue;

    /// <param name="model">The model, which has a tokenizer.</param>
    /// <param name="prompt">Its tokens, at least one.</param>
    /// <param name="options">How tokens are chosen, and where the text ends.</param>
    /// <param name="capacity">Tokens that there is room for; the prompt has no more.</param>
    public Continuation(LoadedModel model, ReadOnlySpan<int> prompt, GenerationOptions options, int capacity)
    {
        (_options, _tokenizer, _capacity) = (options, model.RequiredTokenizer, capacity);
        _choice = new(options, model);
        _pieces = new(_tokenizer.CreateDecoder(continues: true).Showing(options.ShownTokens), options.StopStrings);
        _tokens = [.. prompt];
        (_layout, Lookup) = (model.Kv, new(options.PromptLookup, prompt));
        _keep = options.KeepTokens < 0 ? prompt.Length : Math.Min(options.KeepTokens, prompt.Length);
    }

    /// <summary>The tokens so far, those of the prompt first. Those that were not passed on yet are to be passed on together, and of the last the logits are
    /// wanted.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>How many tokens.</summary>
    public int Count => _tokens.Count;

    /// <summary>Behind how many tokens all that was passed on is void, since the last <see cref="Accept"/>; <see cref="int.MaxValue"/> for nothing. Asked for
    /// once.</summary>
    public int TakeCut()
    {
        int cut = _cut;
        _cut = int.MaxValue;
        return cut;
    }

    /// <summary>Of how many of the last tokens the logits are wanted.</summary>
    public int Wanted { get; private set; } = 1;

    /// <summary>The guesses, which are the last of <see cref="Tokens"/>, as many as <see cref="Wanted"/> less one.</summary>
    public PromptLookup Lookup { get; }

    /// <summary>Tokens that were generated.</summary>
    public int Generated { get; private set; }

    /// <summary>Why it ended; null while it goes on.</summary>
    public FinishReason? Reason { get; private set; }

    /// <summary>The token that ended it, which is no part of it; null where none did.</summary>
    public GeneratedToken? End { get; private set; }

    /// <summary>Whether the caller's code is asked for each token.</summary>
    public bool HasProcessor => _options.LogitsProcessor is not null;

    /// <summary>Whether logits may come without the model's soft cap.</summary>
    public bool TakesUncapped => _choice.TakesUncapped;

    /// <summary>Takes the logits of the last tokens and chooses what follows them.</summary>
    /// <param name="logits">[<see cref="Wanted"/> × V]; changed.</param>
    /// <param name="isCapped">Whether they have the model's soft cap.</param>
    /// <exception cref="InvalidLogitsException">They are not numbers that a token could be chosen from.</exception>
    public void Accept(Span<float> logits, bool isCapped)
    {
        if (_options.MaxTokens == 0)
        {
            Reason = FinishReason.Length;
            return;
        }
        int vocabulary = logits.Length / Wanted, guesses = Wanted - 1, known = Count - guesses;
        for (int row = 0; ; row++, known++)
        {
            _cut = row < guesses ? known : int.MaxValue;
            if (!Choose(logits.Slice(row * vocabulary, vocabulary), isCapped, known))
                break;
        }
        if (Reason is not null)
            CollectionsMarshal.SetCount(_tokens, known);
    }

    /// <summary>Forgets guesses that were not passed on.</summary>
    public void DropGuesses()
    {
        CollectionsMarshal.SetCount(_tokens, Count - Wanted + 1);
        Guess(0);
    }

    /// <summary>Gives the next piece of text, if there is one: at most one after each <see cref="Accept"/>, and another at the end.</summary>
    public bool TryTake(out TextPiece piece) => _pieces.TryTake(out piece);

    /// <summary>Gives what is left of a text that has ended, if there is any.</summary>
    public bool TryFinish(out TextPiece piece) => _pieces.TryFinish(out piece);

    // Chooses the token behind the known ones. True where it was guessed: then the logits behind it are there.
    private bool Choose(Span<float> logits, bool isCapped, int known)
    {
        AwaitMask();
        int token = _choice.Next(Tokens[..known], logits, _options.MaxTokens - Generated, isCapped);
        if (_tokenizer.IsEndOfText(token))
        {
            End = _choice.Describe(token);
            Reason = FinishReason.EndOfSequence;
            return false;
        }
        bool isFull = known == _capacity, isLast = ++Generated == _options.MaxTokens || (isFull && !(_options.ContextShift && Dropped > 0));
        _pieces.Push(_choice.Describe(token));
        if (_pieces.Stopped || isLast)
        {
            Reason = _pieces.Stopped ? FinishReason.StopString : Generated == _options.MaxTokens ? FinishReason.Length : FinishReason.ContextFull;
            return false;
        }
        if (Lookup.Take(token))
            return true;
        CollectionsMarshal.SetCount(_tokens, known);
        if (isFull)
        {
            _tokens.RemoveRange(_keep, Dropped);
            _cut = _keep;
        }
        _tokens.Add(token);
        if (!isFull && !Force())
            return false;
        Guess(isFull ? 0 : Room());
        AskForMask();
        return false;
    }

    // Adds tokens that a grammar leaves no choice about: they pass together with the one before them. The last token that there may be is chosen, so that all
    // others are passed on. False where the text has ended.
    private bool Force()
    {
        int most = Math.Min(MostForced, Math.Min(_options.MaxTokens - Generated - 1, _capacity - Count));
        for (int i = 0; i < most && _choice.TryForce(_options.MaxTokens - Generated, out int token); i++)
        {
            Generated++;
            _pieces.Push(_choice.Describe(token));
            if (_pieces.Stopped)
            {
                Reason = FinishReason.StopString;
                return false;
            }
            Lookup.Add(token);
            _tokens.Add(token);
        }
        return true;
    }

    private void Guess(int most)
    {
        Lookup.Guess(most);
        _tokens.AddRange(Lookup.Batch[1..]);
        Wanted = Lookup.Batch.Length;
    }

    // Behind the last guess one more token is chosen. Passes may have to end where pages do.
    private int Room()
    {
        int most = Math.Min(Math.Min(_options.PromptLookup, _options.MaxTokens - Generated - 1), _capacity - Count);
        return _layout.Revocable(Count, Math.Min(most, KvPage.Positions - 1 - (Count - 1) % KvPage.Positions));
    }

    // The tokens that stay behind the kept ones are computed anew where they stand now: their values, not only their keys' angles, came from tokens that are
    // gone. Of those behind the kept ones the older half goes, as in llama.cpp.
    private int Dropped => (Count - _keep) / 2;

    private void AskForMask()
    {
        if (!_choice.LacksMask)
            return;
        Volatile.Write(ref _mask, Asked);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    // Whoever comes first finds it: no pool thread may have come to it yet.
    private void AwaitMask()
    {
        if (Interlocked.CompareExchange(ref _mask, NotAsked, Asked) is Begun or Found)
        {
            SpinWait spin = default;
            while (Volatile.Read(ref _mask) != Found)
                spin.SpinOnce();
        }
        Volatile.Write(ref _mask, NotAsked);
        _maskFailure?.Throw();
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (Interlocked.CompareExchange(ref _mask, Begun, Asked) != Asked)
            return;
        try
        {
            _choice.Prepare(_options.MaxTokens - Generated);
        }
        catch (Exception failure)
        {
            _maskFailure = ExceptionDispatchInfo.Capture(failure);
        }
        Volatile.Write(ref _mask, Found);
    }
}
