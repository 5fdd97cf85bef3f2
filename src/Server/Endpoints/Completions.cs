using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model;
using MeKi.Model.Generation;
using MeKi.Server.Requests;
using MeKi.Server.Responses;
using MeKi.Server.Streaming;

namespace MeKi.Server.Endpoints;

/// <summary><c>/v1/completions</c>: continues texts.</summary>
internal sealed class Completions(ServedModel served)
{
    private const string Object = "text_completion";

    private readonly Lazy<PromptScorer> _scorer = new(() => new(served.Model));

    public async Task AnswerAsync(Exchange exchange)
    {
        CompletionRequest request = CompletionRequest.Read(await exchange.ReadAsync().ConfigureAwait(false), served);
        await exchange.HoldAsync(request.Options.Adapters).ConfigureAwait(false);
        Sequence[] sequences = [.. Enumerable.Range(0, request.Prompts.Count * request.Choices).Select(i => new Sequence(this, request, i, exchange))];
        CompletionResponse frame = new(
            $"cmpl-{Guid.NewGuid():N}", Object, DateTimeOffset.UtcNow.ToUnixTimeSeconds(), served.Name, served.Fingerprint, [], null, null);
        IAsyncEnumerable<(int Index, CompletionChoice Part)> parts = Merged.Of(
            [.. sequences.Select(each => each.RunAsync(exchange.Cancellation))], exchange.Cancellation);
        if (request.IsStream)
        {
            EventStream events = await exchange.BeginStreamAsync().ConfigureAwait(false);
            await foreach ((int index, CompletionChoice part) in events.Awaiting(parts, exchange.Cancellation).ConfigureAwait(false))
            {
                Timings? timings = part.FinishReason is null ? null : sequences[index].TimingsOf(exchange);
                await events.SendAsync(frame with { Choices = [part], Timings = timings }, ServerJson.Default.CompletionResponse, null, exchange.Cancellation)
                    .ConfigureAwait(false);
            }
            if (request.WantsUsage)
            {
                await events.SendAsync(frame with { Usage = UsageOf(exchange) }, ServerJson.Default.CompletionResponse, null, exchange.Cancellation)
                    .ConfigureAwait(false);
            }
            await events.SendDoneAsync(exchange.Cancellation).ConfigureAwait(false);
            return;
        }
        Gathered[] answers = [.. sequences.Select(_ => new Gathered())];
        await foreach ((int index, CompletionChoice part) in parts.ConfigureAwait(false))
            answers[index].Add(part);
        await exchange.WriteAsync(
            frame with { Choices = [.. answers.Select((each, i) => each.Choice(i))], Usage = UsageOf(exchange), Timings = sequences[0].TimingsOf(exchange) },
            ServerJson.Default.CompletionResponse).ConfigureAwait(false);
    }

    private static Usage UsageOf(Exchange exchange) =>
        Usage.Of(exchange.Facts.PromptTokens, exchange.Facts.GeneratedTokens, exchange.Facts.CachedTokens, reasoning: 0);

    internal static string ReasonOf(GenerationStatistics? run) =>
        run?.Reason is FinishReason.EndOfSequence or FinishReason.StopString ? "stop" : "length";

    /// <summary>One continuation of one prompt.</summary>
    private sealed class Sequence(Completions owner, CompletionRequest request, int index, Exchange exchange)
    {
        private readonly int[] _prompt = request.Prompts[index / request.Choices];
        private readonly CompletionLog _log = new(owner.Served.Tokenizer);
        private GenerationStatistics? _run;

        // Choices of one seed would be one.
        private GenerationOptions Options =>
            request.Options.Seed is { } seed ? request.Options with { Seed = unchecked(seed + index % request.Choices) } : request.Options;

        public Timings? TimingsOf(Exchange exchange) =>
            _run is null ? null : Timings.Of(_run, exchange.Served.Model.StoreCounters.Since(exchange.RowsBefore));

        public async IAsyncEnumerable<CompletionChoice> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            MeKiModel model = owner.Served.Model;
            bool isScored = request.HasEcho && request.Options.LogProbabilities is not null;
            using IDisposable? place = isScored ? await owner._scorer.Value.EnterAsync(cancellationToken).ConfigureAwait(false) : null;
            using MeKiSession? session = isScored ? model.CreateSession(request.Options.Adapters ?? model.DefaultAdapters) : null;
            if (request.HasEcho)
            {
                GeneratedToken[] tokens = session is null ? [.. _prompt.Select(id => new GeneratedToken(id, null, []))]
                    : await owner._scorer.Value.ScoreAsync(session, _prompt, request.Options.LogProbabilities!.Value, cancellationToken).ConfigureAwait(false);
                yield return new(index, owner.Served.Tokenizer.Decode(_prompt), Logprobs(tokens), null);
            }
            if (request.Options.MaxTokens == 0)
            {
                _run = new(_prompt.Length, 0, TimeSpan.Zero, 0, TimeSpan.Zero, FinishReason.Length, 0);
                exchange.Facts.Add(_run);
                yield return new(index, "", null, "length");
                yield break;
            }
            TextGeneration generation = session is null
                ? model.GenerateAsync(_prompt, Options, cancellationToken: cancellationToken)
                : session.GenerateAsync(_prompt, Options, cancellationToken: cancellationToken);
            try
            {
                await foreach (TextPiece piece in generation.WithCancellation(cancellationToken).ConfigureAwait(false))
                {
                    exchange.Facts.NoteToken();
                    yield return new(index, piece.Text, Logprobs(piece.Tokens), null);
                }
            }
            finally
            {
                // What a session holds was computed for this very request.
                _run = session is not null && generation.Statistics is { } run ? run with { ReusedTokens = 0 } : generation.Statistics;
                exchange.Facts.Add(_run);
            }
            // OpenAI tells of the end's token, too; lm-evaluation-harness takes the last one for a generated one.
            yield return new(index, "", generation.End is { } end ? Logprobs([end]) : null, ReasonOf(_run));
        }

        private CompletionLogprobs? Logprobs(IReadOnlyList<GeneratedToken> tokens) => request.Options.LogProbabilities is null ? null : _log.Describe(tokens);
    }

    private ServedModel Served => served;

    /// <summary>A continuation whose pieces are one answer.</summary>
    private sealed class Gathered
    {
        private readonly StringBuilder _text = new();
        private CompletionLogprobs? _log;
        private string? _reason;

        public void Add(CompletionChoice part)
        {
            _text.Append(part.Text);
            _reason = part.FinishReason ?? _reason;
            if (part.Logprobs is null)
                return;
            _log ??= new([], [], [], []);
            CompletionLog.Join(_log, part.Logprobs);
        }

        public CompletionChoice Choice(int index) => new(index, _text.ToString(), _log, _reason);
    }
}
