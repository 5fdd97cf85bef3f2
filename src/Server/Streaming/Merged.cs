using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace MeKi.Server.Streaming;

/// <summary>Several sources at once, their items as they come.</summary>
internal static class Merged
{
    // For each source: a reader that is slow must not let answers pile up.
    private const int Ahead = 16;

    /// <summary>Runs all sources. The first that fails ends the others, and its exception is the result's.</summary>
    /// <param name="sources">At least one.</param>
    /// <param name="cancellationToken">Ends them.</param>
    public static async IAsyncEnumerable<(int Index, T Item)> Of<T>(
        IReadOnlyList<IAsyncEnumerable<T>> sources, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (sources.Count == 1)
        {
            await foreach (T item in sources[0].WithCancellation(cancellationToken).ConfigureAwait(false))
                yield return (0, item);
            yield break;
        }
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<(int, T)> items = Channel.CreateBounded<(int, T)>(sources.Count * Ahead);
        Task all = Task.WhenAll(sources.Select((source, index) => Task.Run(() => PumpAsync(source, index, items.Writer, left), CancellationToken.None)));
        Task end = all.ContinueWith(_ => items.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            await foreach ((int, T) item in items.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return item;
            cancellationToken.ThrowIfCancellationRequested();
            // Of several exceptions the one that came first: those it caused are cancellations.
            if (all.Exception?.InnerExceptions.FirstOrDefault(each => each is not OperationCanceledException) is { } failure)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            await all.ConfigureAwait(false);
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
            await end.ConfigureAwait(false);
        }
    }

    private static async Task PumpAsync<T>(IAsyncEnumerable<T> source, int index, ChannelWriter<(int, T)> items, CancellationTokenSource left)
    {
        try
        {
            await foreach (T item in source.WithCancellation(left.Token).ConfigureAwait(false))
                await items.WriteAsync((index, item), left.Token).ConfigureAwait(false);
        }
        catch
        {
            await left.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }
}
