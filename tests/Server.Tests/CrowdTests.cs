using Microsoft.AspNetCore.Builder;

namespace MeKi.Server.Tests;

/// <summary>Tests that look at the whole process's memory: nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>Very many requests, half of them given up.</summary>
[Collection(AloneCollection.Name)]
public sealed class CrowdTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Path = "/v1/completions";

    [Fact]
    public async Task Many_at_once_half_of_them_leaving_get_each_its_own_answer_and_leave_no_memory_taken()
    {
        await using WebApplication app = await server.ListeningAsync();
        using HttpClient client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new(app.Urls.First()) };
        string[] alone = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(AskAsync))];
        await CrowdAsync(200);
        (long objects, long keysAndValues) = await BytesAsync();
        await CrowdAsync(1000);
        (long objectsNow, long keysAndValuesNow) = await BytesAsync();
        Assert.InRange(objectsNow - objects, long.MinValue, 5 << 20);
        Assert.Equal(keysAndValues, keysAndValuesNow);

        Task CrowdAsync(int requests) => Parallel.ForEachAsync(Enumerable.Range(0, requests), new ParallelOptions { MaxDegreeOfParallelism = 64 },
            async (i, _) =>
            {
                if (i % 2 == 0)
                    await LeaveAsync(new Random(i).Next(40));
                else
                    Assert.Equal(alone[i % 4], await AskAsync(i % 4));
            });

        async Task<string> AskAsync(int number) =>
            (await client.AskAsync(Path, $$"""{"prompt":"Act {{number}}:","max_tokens":4,"seed":5}"""))["choices"]!.ToJsonString();

        async Task LeaveAsync(int milliseconds)
        {
            // Of one seed and within one page: what is kept of beginnings is the same each time.
            const string Long = """{"prompt":"ROMEO:","max_tokens":200,"stream":true,"ignore_eos":true,"seed":1}""";
            using CancellationTokenSource leaves = new(milliseconds);
            try
            {
                (await client.PostAsync(Path, Asking.Json(Long), leaves.Token)).Dispose();
            }
            catch (OperationCanceledException)
            {
                // As meant.
            }
        }

        async Task<(long Objects, long KeysAndValues)> BytesAsync()
        {
            using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
            while (server.Model.EngineCounters is not { Running: 0, Queued: 0 })
                await Task.Delay(20, patience.Token);
            for (int i = 0; i < 3; i++)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
                GC.WaitForPendingFinalizers();
            }
            return (GC.GetTotalMemory(forceFullCollection: true), server.Model.EngineCounters.KvBytes);
        }
    }
}
