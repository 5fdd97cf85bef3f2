using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MeKi.Server.Tests;

/// <summary>What the log has, and what it never has.</summary>
public sealed class LogTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Secret = "xyzzy";

    [Fact]
    public async Task The_log_has_a_line_for_each_request_and_nothing_that_one_says()
    {
        Lines lines = new();
        MeKiServerOptions options = new() { ApiKeys = [$"key {Secret}"] };
        await using WebApplication app = MeKiServer.Create(server.Model, options, new()
        {
            Logging = logging => logging.SetMinimumLevel(LogLevel.Trace).Services.AddSingleton<ILoggerProvider>(lines),
        }, builder => builder.WebHost.UseTestServer());
        await app.StartAsync();
        using HttpClient client = app.GetTestClient();
        Assert.Equal(401, (await client.RefusedAsync("/v1/completions", Asking.Json($$"""{"prompt":"{{Secret}}"}"""))).Status);
        client.DefaultRequestHeaders.Add("Authorization", $"Bearer key {Secret}");
        string[] bodies =
        [
            $$"""{"messages":[{"role":"user","content":"{{Secret}}"}],"max_tokens":2}""",
            $$"""{"messages":[{"role":"{{Secret}}","content":"a"}]}""",
            $$"""{"messages":[{"role":"user","content":"a"}],"grammar":"root ::= {{Secret}} ("}""",
            $$$"""{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"{{{Secret}}}"}}]}""",
            $$"""{"messages":[{"role":"user","content":"{{Secret}}" """,
        ];
        foreach (string body in bodies)
            (await client.PostAsync("/v1/chat/completions", Asking.Json(body))).Dispose();
        Assert.Equal(1 + bodies.Length, lines.All.Count(line => line.StartsWith("POST ", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines.All, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
