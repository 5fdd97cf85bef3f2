using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Replies;
using MeKi.Server.Requests;
using MeKi.Server.Responses;
using MeKi.Server.Streaming;

namespace MeKi.Server.Endpoints;

/// <summary><c>/v1/chat/completions</c>: answers conversations.</summary>
internal sealed class Chats(ServedModel served)
{
    public async Task AnswerAsync(Exchange exchange)
    {
        ChatFields fields = ChatFields.Read(await exchange.ReadAsync().ConfigureAwait(false), served);
        await exchange.HoldAsync(fields.Request.Options!.Adapters).ConfigureAwait(false);
        Answer[] answers = [.. Enumerable.Range(0, fields.Choices).Select(i => new Answer(served, fields.Request, i, exchange))];
        ChatResponse frame = new($"chatcmpl-{Guid.NewGuid():N}", fields.IsStream ? "chat.completion.chunk" : "chat.completion",
            DateTimeOffset.UtcNow.ToUnixTimeSeconds(), served.Name, served.Fingerprint, [], null, null);
        IAsyncEnumerable<(int Index, ChatChoice Part)> parts = Merged.Of(
            [.. answers.Select(each => each.RunAsync(exchange.Cancellation))], exchange.Cancellation);
        if (fields.IsStream)
        {
            EventStream events = await exchange.BeginStreamAsync().ConfigureAwait(false);
            for (int i = 0; i < answers.Length; i++)
                await SendAsync(frame with { Choices = [new(i, null, new("assistant", ""), null, null)] }).ConfigureAwait(false);
            await foreach ((int index, ChatChoice part) in events.Awaiting(parts, exchange.Cancellation).ConfigureAwait(false))
            {
                Timings? timings = part.FinishReason is not null || fields.WantsTimings ? answers[index].Timings : null;
                await SendAsync(frame with { Choices = [part], Timings = timings }).ConfigureAwait(false);
            }
            if (fields.WantsUsage)
                await SendAsync(frame with { Usage = UsageOf(exchange, answers) }).ConfigureAwait(false);
            await events.SendDoneAsync(exchange.Cancellation).ConfigureAwait(false);
            return;

            Task SendAsync(ChatResponse part) => events.SendAsync(part, ServerJson.Default.ChatResponse, null, exchange.Cancellation);
        }
        await foreach ((int index, ChatChoice part) in parts.ConfigureAwait(false))
            answers[index].Gather(part);
        await exchange.WriteAsync(
            frame with { Choices = [.. answers.Select(each => each.Choice())], Usage = UsageOf(exchange, answers), Timings = answers[0].Timings },
            ServerJson.Default.ChatResponse).ConfigureAwait(false);
    }

    private static Usage UsageOf(Exchange exchange, Answer[] answers) => Usage.Of(answers[0].PromptTokens, exchange.Facts.GeneratedTokens,
        answers[0].CachedTokens, answers.Sum(each => each.ReasoningTokens));

    /// <summary>One answer.</summary>
    private sealed class Answer
    {
        private readonly ServedModel _served;
        private readonly Exchange _exchange;
        private readonly ChatReply _reply;
        private readonly int _index;
        private readonly bool _logs;
        private readonly StringBuilder _text = new(), _thought = new();
        private readonly List<ChatCall> _calls = [];
        private readonly List<TokenLog> _tokens = [];
        private int _told, _called;
        private TimeSpan? _first;
        private string? _reason;

        public Answer(ServedModel served, ChatRequest request, int index, Exchange exchange)
        {
            (_served, _index, _exchange, _logs) = (served, index, exchange, request.Options!.LogProbabilities is not null);
            // Answers of one seed would be one.
            if (index > 0 && request.Options.Seed is { } seed)
                request = request with { Options = request.Options with { Seed = unchecked(seed + index) } };
            _reply = served.Reply(request, "messages", exchange.Cancellation);
        }

        public int PromptTokens => _reply.PromptTokens.Count;

        public int CachedTokens => _reply.Statistics?.ReusedTokens ?? 0;

        public int ReasoningTokens => _reply.ReasoningTokens;

        /// <summary>How it went, or goes.</summary>
        public Timings Timings
        {
            get
            {
                TimeSpan elapsed = _exchange.Facts.Elapsed, first = _first ?? elapsed;
                int generated = _reply.Tokens.Count;
                return Responses.Timings.Of(
                    _reply.Statistics ?? new(PromptTokens, generated, first, Math.Max(generated - 1, 0), elapsed - first, FinishReason.Abandoned, 0),
                    _served.Model.StoreCounters.Since(_exchange.RowsBefore));
            }
        }

        public async IAsyncEnumerable<ChatChoice> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            try
            {
                await foreach (ReplyEvent part in _reply.WithCancellation(cancellationToken).ConfigureAwait(false))
                {
                    _first ??= _exchange.Facts.Elapsed;
                    _exchange.Facts.NoteToken();
                    yield return new(_index, null, TextOf(part), Logprobs(), null);
                }
            }
            finally
            {
                _exchange.Facts.Add(_reply.Statistics);
            }
            yield return new(_index, null, new(null, null), Logprobs(),
                _called > 0 && _reply.Statistics?.Reason != FinishReason.Length ? "tool_calls" : Completions.ReasonOf(_reply.Statistics));
        }

        public void Gather(ChatChoice part)
        {
            _text.Append(part.Delta?.Content);
            _thought.Append(part.Delta?.ReasoningContent);
            _calls.AddRange((part.Delta?.ToolCalls ?? []).Select(call => call with { Index = null }));
            _tokens.AddRange(part.Logprobs?.Content ?? []);
            _reason = part.FinishReason ?? _reason;
        }

        public ChatChoice Choice() => new(_index,
            new("assistant", _text.Length > 0 || _calls.Count == 0 ? _text.ToString() : null, null, _thought.Length > 0 ? _thought.ToString() : null,
                _calls.Count > 0 ? _calls : null),
            null, _logs ? new(_tokens) : null, _reason);

        private ChatText TextOf(ReplyEvent part) => part switch
        {
            ReplyText text => new(null, text.Text),
            ReplyReasoning thought => new(null, null, thought.Text),
            ToolCall call => new(null, null, null, [new(_called++, call.Id ?? $"call_{_called}", "function", new(call.Name, call.Arguments))]),
            _ => new(null, null),
        };

        private ChatLogprobs? Logprobs()
        {
            if (!_logs || _told == _reply.Tokens.Count)
                return null;
            TokenLog[] logs = TokenLogs.Of(_served.Tokenizer, _reply.Tokens.Skip(_told));
            _told = _reply.Tokens.Count;
            return new(logs);
        }
    }
}
