using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MeKi.Server.Responses;

namespace MeKi.Server.Streaming;

/// <summary>Server-sent events. A reader that does not read holds its own request up and nobody else's, until Kestrel's least rate ends it.</summary>
internal sealed class EventStream
{
    // Proxies give up on a connection that is silent for a minute.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    private readonly HttpResponse _response;

    private EventStream(HttpResponse response) => _response = response;

    /// <summary>Begins the answer. From here on an error is an event.</summary>
    public static async Task<EventStream> BeginAsync(HttpContext context, CancellationToken cancellationToken)
    {
        HttpResponse response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache, no-store";
        // nginx would gather tokens otherwise.
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(cancellationToken).ConfigureAwait(false);
        await response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
        return new(response);
    }

    /// <summary>Sends a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="name">The event's name; null for none.</param>
    /// <param name="cancellationToken">Ends the waiting for a reader.</param>
    public async Task SendAsync<T>(T value, JsonTypeInfo<T> type, string? name, CancellationToken cancellationToken)
    {
        Write(name is null ? "data: " : $"event: {name}\ndata: ");
        using (Utf8JsonWriter writer = new(_response.BodyWriter, ServerJson.Writing))
            JsonSerializer.Serialize(writer, value, type);
        await EndAsync("\n\n", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends the last event of OpenAI's streams.</summary>
    public Task SendDoneAsync(CancellationToken cancellationToken) => EndAsync("data: [DONE]\n\n", cancellationToken);

    /// <summary>Gives the items of a source, and meanwhile keeps the connection alive with comments.</summary>
    /// <param name="source">What takes its time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<T> Awaiting<T>(IAsyncEnumerable<T> source, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IAsyncEnumerator<T> items = source.GetAsyncEnumerator(cancellationToken);
        Task<bool> next = Task.FromResult(false);
        try
        {
            while (true)
            {
                next = items.MoveNextAsync().AsTask();
                while (!await IsDoneAsync(next).ConfigureAwait(false))
                    await EndAsync(": working\n\n", cancellationToken).ConfigureAwait(false);
                if (!await next.ConfigureAwait(false))
                    break;
                yield return items.Current;
            }
        }
        finally
        {
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await items.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task<bool> IsDoneAsync(Task task)
    {
        try
        {
            await task.WaitAsync(Silence).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            return false;
        }
        return true;
    }

    private async Task EndAsync(string text, CancellationToken cancellationToken)
    {
        Write(text);
        await _response.BodyWriter.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _response.BodyWriter);
}
