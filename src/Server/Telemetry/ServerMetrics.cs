using System.Diagnostics;
using System.Diagnostics.Metrics;
using MeKi.Model;

namespace MeKi.Server.Telemetry;

/// <summary>What the server measures, by OpenTelemetry's names for generative models where it has them.</summary>
internal sealed class ServerMetrics
{
    /// <summary>The meter's name, to be given to <c>AddMeter</c>.</summary>
    public const string MeterName = "MeKi.Server";

    private static readonly double[] Seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly double[] TokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
    private static readonly long[] TokenCounts = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576];

    private readonly Histogram<double> _duration, _firstToken, _perToken;
    private readonly Histogram<long> _tokens;
    private readonly Counter<long> _prompt, _cached, _generated, _refused;
    private readonly string _model;
    private int _active;

    public ServerMetrics(Meter meter, MeKiModel model, string name)
    {
        _model = name;
        _duration = meter.CreateHistogram<double>("gen_ai.server.request.duration", "s", "Time from a request to the end of its answer.",
            advice: new() { HistogramBucketBoundaries = Seconds });
        _firstToken = meter.CreateHistogram<double>("gen_ai.server.time_to_first_token", "s", "Time from a request to its first token.",
            advice: new() { HistogramBucketBoundaries = Seconds });
        _perToken = meter.CreateHistogram<double>("gen_ai.server.time_per_output_token", "s", "Time of a token after the first.",
            advice: new() { HistogramBucketBoundaries = TokenSeconds });
        _tokens = meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens of a request and of its answer.",
            advice: new() { HistogramBucketBoundaries = TokenCounts });
        _prompt = meter.CreateCounter<long>("meki.tokens.prompt", "{token}", "Tokens of prompts.");
        _cached = meter.CreateCounter<long>("meki.tokens.cached", "{token}", "Tokens of prompts that were computed before.");
        _generated = meter.CreateCounter<long>("meki.tokens.generated", "{token}", "Tokens generated.");
        _refused = meter.CreateCounter<long>("meki.requests.refused", "{request}", "Requests that were told to come again.");
        meter.CreateObservableGauge("meki.requests.active", () => Volatile.Read(ref _active), "{request}", "Requests in progress, those that wait included.");
        meter.CreateObservableGauge("meki.engine.queued", () => model.EngineCounters.Queued, "{sequence}", "Sequences that wait to be let in.");
        meter.CreateObservableGauge("meki.engine.running", () => model.EngineCounters.Running, "{sequence}", "Sequences that compute.");
        meter.CreateObservableGauge("meki.kv.bytes", () => model.EngineCounters.KvBytes, "By",
            "Keys and values, those kept for requests that begin alike included.");
        meter.CreateObservableGauge("meki.kv.limit", () => model.EngineCounters.KvLimit, "By", "The most that these may be.");
        meter.CreateObservableCounter("meki.engine.passes", () => model.EngineCounters.Passes, "{pass}", "Forward passes.");
        meter.CreateObservableCounter("meki.engine.pass.time", () => model.EngineCounters.PassTime.TotalSeconds, "s", "Their time.");
        meter.CreateObservableCounter("meki.engine.preemptions", () => model.EngineCounters.Preemptions, "{sequence}", "Sequences computed anew.");
        meter.CreateObservableCounter("meki.rows.read", () => model.StoreCounters.RowsRead, "{row}", "Rows read from storage.");
        meter.CreateObservableCounter("meki.rows.bytes", () => model.StoreCounters.BytesRead, "By", "Bytes of rows read from storage.");
        meter.CreateObservableCounter("meki.rows.hits", () => model.StoreCounters.Hits, "{record}", "Records of rows that were in memory.");
        meter.CreateObservableCounter("meki.rows.misses", () => model.StoreCounters.Misses, "{record}", "Records of rows that had to be read.");
        meter.CreateObservableCounter("meki.rows.wait", () => model.StoreCounters.WaitTime.TotalSeconds, "s", "Time that passes stood waiting for rows.");
    }

    /// <summary>Requests in progress.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>Takes a place for a request, if there is one.</summary>
    public bool TryEnter(int most)
    {
        if (Interlocked.Increment(ref _active) <= most)
            return true;
        Interlocked.Decrement(ref _active);
        _refused.Add(1);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _active);

    /// <summary>Notes a request that has ended.</summary>
    public void Record(RequestFacts facts, string? error)
    {
        TagList tags = new()
        {
            { "gen_ai.operation.name", facts.Operation },
            { "gen_ai.provider.name", "meki" },
            { "gen_ai.request.model", _model },
            { "gen_ai.response.model", _model },
        };
        if (error is null && facts.FirstToken is { } first)
        {
            _firstToken.Record(first.TotalSeconds, tags);
            if (facts.GeneratedTokens > facts.Sequences)
                _perToken.Record((facts.Elapsed - first).TotalSeconds * facts.Sequences / (facts.GeneratedTokens - facts.Sequences), tags);
        }
        if (facts.PromptTokens > 0)
        {
            _tokens.Record(facts.PromptTokens, [.. tags, new("gen_ai.token.type", "input")]);
            _tokens.Record(facts.GeneratedTokens, [.. tags, new("gen_ai.token.type", "output")]);
        }
        _prompt.Add(facts.PromptTokens);
        _cached.Add(facts.CachedTokens);
        _generated.Add(facts.GeneratedTokens);
        if (error is not null)
            tags.Add("error.type", error);
        _duration.Record(facts.Elapsed.TotalSeconds, tags);
    }
}
