using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Architectures;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Server;
using Microsoft.AspNetCore.Builder;

namespace MeKi.Soak;

/// <summary>
/// Eight users of sessions and eight clients of a server, each with random work that is cancelled and left at random, while the model is loaded anew and the
/// old one disposed under them. What comes to its end must be what one thread alone computes.
/// </summary>
/// <param name="seconds">How long.</param>
/// <param name="seed">Chooses the work.</param>
internal sealed class Soak(double seconds, int seed) : IDisposable
{
    private const int Users = 8, Clients = 8;

    private readonly TemporaryFolder _folder = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Meter _meter = new();
    private readonly ConcurrentQueue<string> _faults = [];
    private string[] _tokens = [], _answers = [];
    private volatile MeKiModel? _model;
    private long _done, _left, _reloads, _disposed, _saves;

    private MeKiModel Current => _model!;

    /// <returns>What is wrong.</returns>
    public async Task<IReadOnlyList<string>> RunAsync()
    {
        Write();
        await ComputeAloneAsync().ConfigureAwait(false);
        _model = Load(threads: 2);
        using MeKiModel served = Load(threads: 2);
        await using (WebApplication application = MeKiServer.Create(served, new(), new()))
        {
            await application.StartAsync().ConfigureAwait(false);
            using HttpClient client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 2 * Clients }) { BaseAddress = new(application.Urls.First()) };
            Task[] work = [.. Enumerable.Range(0, Users).Select(user => Task.Run(() => UseAsync(new(seed + user)))),
                .. Enumerable.Range(0, Clients).Select(each => Task.Run(() => AskAsync(client, new(seed + 100 + each)))), Task.Run(ReloadAsync)];
            int samples = (int)Math.Clamp(seconds / 2, 12, 90);
            for (int i = 0; i < samples && _faults.IsEmpty; i++)
            {
                await Task.Delay(TimeSpan.FromSeconds(seconds / samples)).ConfigureAwait(false);
                _meter.Take();
            }
            await _end.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(work).ConfigureAwait(false);
            await application.StopAsync().ConfigureAwait(false);
        }
        Current.Dispose();
        Console.WriteLine(_meter);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_done} results equal to those of one thread, {_left} left or cancelled, {_disposed} that lost their model, {_reloads} reloads, ")
            + $"{_saves} sessions saved and loaded");
        return [.. _faults.Take(10), .. _meter.Growth()];
    }

    public void Dispose()
    {
        _end.Dispose();
        _folder.Dispose();
    }

    private void Write()
    {
        ModelConfig config = new(Architecture.OfGguf("qwen3", "soak"))
        {
            VocabularySize = 400,
            Layers = 2,
            HiddenSize = 64,
            FeedForwardSize = 96,
            Heads = 4,
            KvHeads = 2,
            HeadDimension = 16,
            RotaryDimension = 16,
            NormEps = 1e-6f,
            RopeTheta = 1e4f,
            ContextLength = 1024,
            Present = new HashSet<Role> { Role.QueryNorm, Role.KeyNorm },
        };
        SyntheticModel.Write(new("soak", config), _folder["model"], new() { MemoryDimension = 32 });
        string adapters = _folder[Path.Combine("model", AdapterLibrary.FolderName)];
        Directory.CreateDirectory(adapters);
        using MeKiModel model = Load(threads: 1);
        LoraWriter writer = new(model.Config, BlockFormat.Of(GgmlType.F32));
        foreach ((string name, int rank) in new[] { ("one", 4), ("two", 2), ("three", 8) })
            writer.WriteGguf(SyntheticAdapter.Create(model.Config, rank, rank, name), Path.Combine(adapters, name + ".gguf"));
    }

    // Room for about one adapter, so that they come and go.
    private MeKiModel Load(int threads) => MeKiModel.Load(_folder["model"], new() { Threads = threads, AdapterBytes = 64 << 10 });

    private async Task ComputeAloneAsync()
    {
        using MeKiModel alone = Load(threads: 1);
        _tokens = new string[Scenario.Count];
        _answers = new string[Scenario.Count];
        await using WebApplication application = MeKiServer.Create(alone, new(), new());
        await application.StartAsync().ConfigureAwait(false);
        using HttpClient client = new() { BaseAddress = new(application.Urls.First()) };
        for (int i = 0; i < Scenario.Count; i++)
        {
            _tokens[i] = await new Scenario(i).RunAsync(alone).ConfigureAwait(false);
            _answers[i] = await AskAsync(client, new Scenario(i), null, default).ConfigureAwait(false) ?? "";
        }
        await application.StopAsync().ConfigureAwait(false);
    }

    private async Task UseAsync(Random random)
    {
        while (!_end.IsCancellationRequested)
        {
            Scenario scenario = new(random.Next(Scenario.Count));
            try
            {
                using CancellationTokenSource cancel = new();
                int way = random.Next(8);
                if (way == 0)
                    cancel.CancelAfter(random.Next(8));
                if (way == 1)
                {
                    SaveAndLoad(scenario, random);
                    continue;
                }
                string tokens = await scenario.RunAsync(Current, way == 2 ? random.Next(1, 4) : null, cancel.Token).ConfigureAwait(false);
                if (way == 2)
                    Interlocked.Increment(ref _left);
                else
                    Check(_tokens[scenario.Number] == tokens, $"scenario {scenario.Number}: {tokens} and not {_tokens[scenario.Number]}");
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref _left);
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref _disposed);
            }
            catch (Exception failure)
            {
                _faults.Enqueue(failure.ToString());
            }
        }
    }

    // A session forked, cut, saved and loaded again goes on as one that never was.
    private void SaveAndLoad(Scenario scenario, Random random)
    {
        MeKiModel model = Current;
        string path = _folder[$"{Guid.NewGuid():n}.session"];
        float[] expected = new float[model.Config.VocabularySize], logits = new float[model.Config.VocabularySize];
        int[] prompt = scenario.Prompt;
        try
        {
            using MeKiSession session = model.CreateSession(scenario.Adapters);
            session.Forward(prompt, expected);
            using MeKiSession fork = session.Fork(random.Next(1, prompt.Length));
            fork.Save(path);
            using MeKiSession loaded = model.LoadSession(path, scenario.Adapters);
            loaded.Forward(prompt.AsSpan(loaded.Position), logits);
            Check(expected.AsSpan().SequenceEqual(logits), $"scenario {scenario.Number}: other logits after saving and loading");
            Interlocked.Increment(ref _saves);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private async Task AskAsync(HttpClient client, Random random)
    {
        while (!_end.IsCancellationRequested)
        {
            Scenario scenario = new(random.Next(Scenario.Count));
            try
            {
                using CancellationTokenSource cancel = new();
                if (random.Next(6) == 0)
                    cancel.CancelAfter(random.Next(1, 12));
                string? answer = await AskAsync(client, scenario, random.Next(8) == 0 ? random.Next(20, 200) : null, cancel.Token).ConfigureAwait(false);
                if (answer is null)
                    Interlocked.Increment(ref _left);
                else
                    Check(_answers[scenario.Number] == answer, $"request {scenario.Number}: {answer} and not {_answers[scenario.Number]}");
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref _left);
            }
            catch (Exception failure)
            {
                _faults.Enqueue(failure.ToString());
            }
        }
    }

    // The text of an answer; null where the client leaves after so many bytes.
    private static async Task<string?> AskAsync(HttpClient client, Scenario scenario, int? leaveAfter, CancellationToken cancellationToken)
    {
        (string path, string body) = scenario.Request;
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        if (answer.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false)}");
        if (leaveAfter is { } bytes)
        {
            await using Stream stream = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            await stream.ReadAtLeastAsync(new byte[bytes], bytes, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            return null;
        }
        string text = await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        return scenario.Number % 4 == 3 ? text
            : string.Concat(text.StartsWith('{') ? [TextOf(text)]
                // Where the machine stood still, there are comments between the events.
                : text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => TextOf(line["data: ".Length..])));
    }

    private static string TextOf(string json)
    {
        JsonNode? choice = (JsonNode.Parse(json)?["choices"] as JsonArray)?.FirstOrDefault();
        return (string?)choice?["text"] ?? (string?)choice?["delta"]?["content"] ?? (string?)choice?["message"]?["content"] ?? "";
    }

    private async Task ReloadAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            await Task.Delay(700).ConfigureAwait(false);
            MeKiModel old = Current;
            _model = Load(threads: 1 + (int)(_reloads % 3));
            old.Dispose();
            Interlocked.Increment(ref _reloads);
        }
    }

    private void Check(bool holds, string problem)
    {
        if (holds)
            Interlocked.Increment(ref _done);
        else
            _faults.Enqueue(problem);
    }
}
