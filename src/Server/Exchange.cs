using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Responses;
using MeKi.Server.Streaming;
using MeKi.Server.Telemetry;
using MeKi.Store;
using Microsoft.AspNetCore.Http.Features;

namespace MeKi.Server;

/// <summary>A request and its answer.</summary>
internal sealed class Exchange : IDisposable
{
    // Up to here a body is read before its request takes a place, so that clients who do not go on keep nobody out. Of larger ones there are as many as
    // there are places.
    private const int MostWithoutPlace = 64 << 10;

    private readonly CancellationTokenSource _end;
    private readonly List<IDisposable> _adapters = [];
    private JsonDocument? _body;
    private bool _needsPlace;
    private bool _hasPlace;

    private Exchange(HttpContext context, ServedModel served, RequestFacts facts)
    {
        (Context, Served, Facts, RowsBefore) = (context, served, facts, served.Model.StoreCounters);
        _end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
    }

    public HttpContext Context { get; }

    public ServedModel Served { get; }

    public RequestFacts Facts { get; }

    /// <summary>Ends when the client leaves and when the time is over.</summary>
    public CancellationToken Cancellation => _end.Token;

    /// <summary>What the row store had done when the request came.</summary>
    public StoreCounters RowsBefore { get; }

    /// <summary>The answer in events; null where it is no stream, or none yet.</summary>
    public EventStream? Stream { get; private set; }

    /// <summary>How a stream tells of an error; null for OpenAI's way in chats.</summary>
    public Func<ApiException, Task>? TellError { get; set; }

    /// <summary>A handler of an endpoint: checks who asks, limits, turns exceptions into answers, and takes note.</summary>
    /// <param name="served">The model.</param>
    /// <param name="operation">OpenTelemetry's name of what it does; null for what is done at once.</param>
    /// <param name="work">What it does.</param>
    public static RequestDelegate Handler(ServedModel served, string? operation, Func<Exchange, Task> work) =>
        context => RunAsync(context, served, operation, work);

    /// <summary>The members of the request's JSON.</summary>
    /// <exception cref="ApiException">The body is too large, does not come, or is no JSON object.</exception>
    public async Task<RequestFields> ReadAsync() => RequestFields.Of(await ReadJsonAsync().ConfigureAwait(false), "");

    /// <summary>The request's JSON.</summary>
    /// <exception cref="ApiException">The body is too large, or does not come.</exception>
    public async Task<JsonElement> ReadJsonAsync()
    {
        long most = Served.Options.MaxBodyBytes;
        if (Context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = RequestBody.Transported(most);
        if (Context.Request.ContentLength > most)
            throw RequestBody.TooLarge(most);
        if (Context.Request.ContentLength is not <= MostWithoutPlace)
            TakePlace();
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        patience.CancelAfter(Served.Options.BodyTimeout);
        try
        {
            _body = await RequestBody.ReadAsync(Context.Request.Body, most, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!Cancellation.IsCancellationRequested)
        {
            // Nor is the rest waited for.
            Context.Response.Headers.Connection = "close";
            throw new ApiException(StatusCodes.Status408RequestTimeout, "The body did not come in time.", code: Failures.CodeOf(408));
        }
        TakePlace();
        return _body.RootElement;
    }

    /// <summary>
    /// Brings the adapters of a request to memory, where they stay until it is answered: one that cannot be used is told of before a stream begins.
    /// </summary>
    /// <param name="choices">The adapters; null where the request names none.</param>
    /// <param name="path">Where it names them.</param>
    /// <exception cref="ApiException">One cannot be used.</exception>
    public Task HoldAsync(IReadOnlyList<AdapterChoice>? choices, string path = AdapterFields.Name) =>
        choices is { Count: > 0 } ? Task.Run(() => Hold(choices, path), Cancellation) : Task.CompletedTask;

    /// <summary>Answers with JSON.</summary>
    public async Task WriteAsync<T>(T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        Context.Response.StatusCode = status;
        Context.Response.ContentType = "application/json; charset=utf-8";
        using (Utf8JsonWriter writer = new(Context.Response.BodyWriter, ServerJson.Writing))
            JsonSerializer.Serialize(writer, value, type);
        await Context.Response.BodyWriter.FlushAsync(Cancellation).ConfigureAwait(false);
    }

    /// <summary>Answers with events from now on.</summary>
    public async Task<EventStream> BeginStreamAsync() => Stream = await EventStream.BeginAsync(Context, Cancellation).ConfigureAwait(false);

    public void Dispose()
    {
        _adapters.ForEach(each => each.Dispose());
        _body?.Dispose();
        _end.Dispose();
    }

    /// <summary>Answers with an error.</summary>
    public static async Task RefuseAsync(HttpContext context, ApiException failure)
    {
        context.Response.StatusCode = failure.Status;
        context.Response.ContentType = "application/json; charset=utf-8";
        if (failure.Status == StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "1";
        using (Utf8JsonWriter writer = new(context.Response.BodyWriter, ServerJson.Writing))
            JsonSerializer.Serialize(writer, ErrorResponse.Of(failure), ServerJson.Default.ErrorResponse);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task RunAsync(HttpContext context, ServedModel served, string? operation, Func<Exchange, Task> work)
    {
        RequestFacts facts = new(operation ?? "none");
        using Exchange exchange = new(context, served, facts);
        string? error = null;
        try
        {
            served.Keys.Check(context, served.Options.Origins);
            if (operation is not null)
            {
                if (served.IsStopping)
                    throw Failures.Stopping();
                exchange._needsPlace = true;
                exchange._end.CancelAfter(served.Options.RequestTimeout);
            }
            await work(exchange).ConfigureAwait(false);
            if (operation is not null)
            {
                ServerLog.Answered(served.Logger, context.Request.Method, PathOf(context), context.Response.StatusCode, facts.Operation, facts.PromptTokens,
                    facts.CachedTokens, facts.GeneratedTokens, (long)facts.Elapsed.TotalMilliseconds);
            }
        }
        catch (Exception failure)
        {
            error = await exchange.FailAsync(failure).ConfigureAwait(false);
        }
        finally
        {
            if (exchange._hasPlace)
                served.Metrics.Leave();
            if (operation is not null)
                served.Metrics.Record(facts, error);
        }
    }

    private void Hold(IReadOnlyList<AdapterChoice> choices, string path)
    {
        for (int i = 0; i < choices.Count; i++)
        {
            try
            {
                if (Served.Adapters.Hold(choices[i]) is { } held)
                    _adapters.Add(held);
            }
            catch (ModelFileException failure)
            {
                ServerLog.Unusable(Served.Logger, failure.Message);
                throw Failures.Unusable(choices[i].Name, $"{path}[{i}]", failure);
            }
        }
    }

    private void TakePlace()
    {
        if (!_needsPlace || _hasPlace)
            return;
        _hasPlace = Served.Metrics.TryEnter(Served.Options.MaxRequests);
        if (!_hasPlace)
        {
            throw new ApiException(StatusCodes.Status503ServiceUnavailable,
                "The server has as many requests as it takes. Come again in a moment.", code: "overloaded");
        }
    }

    private async Task<string> FailAsync(Exception failure)
    {
        ILogger logger = Served.Logger;
        (string method, string path) = (Context.Request.Method, PathOf(Context));
        long elapsed = (long)Facts.Elapsed.TotalMilliseconds;
        if (Context.RequestAborted.IsCancellationRequested)
        {
            ServerLog.Left(logger, method, path, Facts.GeneratedTokens, elapsed);
            return "client_left";
        }
        ApiException? known = failure is OperationCanceledException && _end.IsCancellationRequested ? Failures.OutOfTime() : Failures.Explain(failure);
        if (known is null)
            ServerLog.Failed(logger, method, path, failure.ToString());
        known ??= Failures.Internal();
        try
        {
            if (Stream is not null && TellError is { } tell)
                await tell(known).ConfigureAwait(false);
            else if (Stream is not null)
                await Stream.SendAsync(ErrorResponse.Of(known), ServerJson.Default.ErrorResponse, null, Context.RequestAborted).ConfigureAwait(false);
            else if (!Context.Response.HasStarted)
                await RefuseAsync(Context, known).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            // The client left meanwhile.
        }
        ServerLog.Refused(logger, method, path, known.Status, known.Code, elapsed);
        return known.Code ?? "error";
    }

    // A path may be anything that a client writes.
    private static string PathOf(HttpContext context) => UntrustedText.Line(context.Request.Path.Value ?? "", 100);
}
