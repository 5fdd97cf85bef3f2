using MeKi.Model;
using MeKi.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace MeKi.Server.Tests;

/// <summary>The demo model behind a server in this process: one without a network, or one that listens on loopback.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    private readonly List<WebApplication> _inProcess = [];
    private WebApplication? _usual;

    public MeKiModel Model { get; } = MeKiModel.Load(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki"), new() { Threads = 1 });

    internal async Task<HttpClient> InProcessAsync(MeKiServerOptions? options = null)
    {
        if (options is null && _usual is not null)
            return _usual.GetTestClient();
        WebApplication app = MeKiServer.Create(Model, options ?? new(), new(), builder => builder.WebHost.UseTestServer());
        _inProcess.Add(app);
        if (options is null)
            _usual = app;
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
        foreach (WebApplication app in _inProcess)
            await app.DisposeAsync();
        Model.Dispose();
    }
}
