using MeKi.Model;
using MeKi.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace MeKi.Server.Tests;

/// <summary>The demo model behind a server in this process: one without a network, or one that listens on loopback.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    private static readonly MeKiServerOptions s_usual = new();

    private readonly Dictionary<MeKiServerOptions, WebApplication> _inProcess = new(ReferenceEqualityComparer.Instance);

    public MeKiModel Model { get; } = MeKiModel.Load(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki"), new() { Threads = 1 });

    /// <summary>The field of a request that keeps the demo model, which does not speak JSON, from writing spaces between its parts without end.</summary>
    internal string WithoutSpace => field ??= $"\"logit_bias\":{{{string.Join(',', Enumerable.Range(0, Model.Tokenizer!.VocabularySize)
        .Where(id => Model.Tokenizer.TokenBytes(id) is { Length: > 0 } bytes && bytes.Trim(" \t\r\n"u8).IsEmpty).Select(id => $"\"{id}\":false"))}}}";

    internal async Task<HttpClient> InProcessAsync(MeKiServerOptions? options = null)
    {
        options ??= s_usual;
        if (_inProcess.TryGetValue(options, out WebApplication? app))
            return app.GetTestClient();
        app = MeKiServer.Create(Model, options, new(), builder => builder.WebHost.UseTestServer());
        _inProcess.Add(options, app);
        await app.StartAsync();
        return app.GetTestClient();
    }

    internal async Task<WebApplication> ListeningAsync(MeKiServerOptions? options = null, ServerSettings? settings = null)
    {
        WebApplication app = MeKiServer.Create(Model, options ?? new(), settings ?? new());
        await app.StartAsync();
        return app;
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (WebApplication app in _inProcess.Values)
            await app.DisposeAsync();
        Model.Dispose();
    }
}
