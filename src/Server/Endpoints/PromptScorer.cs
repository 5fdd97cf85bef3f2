using MeKi.Model;
using MeKi.Model.Generation;

namespace MeKi.Server.Endpoints;

/// <summary>Log-probabilities of a prompt's own tokens. One prompt at a time: the logits of its positions are large.</summary>
internal sealed class PromptScorer(MeKiModel model) : IDisposable
{
    // Their keys and values are beside those that the engine counts.
    private const int MostSessions = 4;
    private const int MostLogitBytes = 16 << 20;

    private readonly SemaphoreSlim _sessions = new(MostSessions);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly TokenDistribution _distribution = new(model.Tokenizer!.VocabularySize);
    private readonly float[] _logits =
        new float[model.Config.VocabularySize * Math.Clamp(MostLogitBytes / sizeof(float) / model.Config.VocabularySize, 1, MeKiSession.BatchTokens)];

    /// <summary>Reads a prompt, all but its last token, into a session that is empty.</summary>
    /// <param name="session">Receives the tokens.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="top">How many of the likeliest tokens to tell of.</param>
    /// <param name="cancellationToken">Ends it within a batch.</param>
    /// <returns>The prompt's tokens; the first has no log-probability.</returns>
    public async Task<GeneratedToken[]> ScoreAsync(MeKiSession session, int[] prompt, int top, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Score(session, prompt, top, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _turn.Dispose();
        _sessions.Dispose();
    }

    /// <summary>Waits until there is a place for a session, which is to be gone when the place is given back.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _sessions.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Place(_sessions);
    }

    private GeneratedToken[] Score(MeKiSession session, int[] prompt, int top, CancellationToken cancellationToken)
    {
        GeneratedToken[] tokens = new GeneratedToken[prompt.Length];
        tokens[0] = new(prompt[0], null, []);
        int vocabulary = model.Config.VocabularySize, most = _logits.Length / vocabulary;
        for (int first = 0; first < prompt.Length - 1; first += most)
        {
            int count = Math.Min(most, prompt.Length - 1 - first);
            session.Forward(prompt.AsSpan(first, count), _logits.AsSpan(0, count * vocabulary), cancellationToken: cancellationToken);
            for (int i = 0; i < count; i++)
            {
                int token = prompt[first + i + 1];
                _distribution.Set(_logits.AsSpan(i * vocabulary, model.Tokenizer!.VocabularySize));
                tokens[first + i + 1] = new(token, _distribution.LogProbability(token), _distribution.Top(top));
            }
        }
        return tokens;
    }

    private sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }
}
