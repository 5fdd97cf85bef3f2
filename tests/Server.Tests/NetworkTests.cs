using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;

namespace MeKi.Server.Tests;

/// <summary>A server on a real socket: clients that leave, that send too much, that do not go on, that are many.</summary>
public sealed class NetworkTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Endless = """{"prompt":"ROMEO:","max_tokens":100000,"stream":true,"temperature":1,"ignore_eos":true}""";

    [Fact]
    public async Task A_client_that_leaves_ends_its_generation()
    {
        await using WebApplication app = await server.ListeningAsync();
        using (HttpClient client = new() { BaseAddress = new(app.Urls.First()) })
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions") { Content = Json(Endless) };
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            await using Stream stream = await response.Content.ReadAsStreamAsync();
            await stream.ReadExactlyAsync(new byte[20]);
        }
        await UntilAsync(() => server.Model.EngineCounters is { Running: 0, Queued: 0 });
    }

    [Fact]
    public async Task Ten_megabytes_are_refused_and_the_server_lives()
    {
        await using WebApplication app = await server.ListeningAsync();
        using HttpClient client = new() { BaseAddress = new(app.Urls.First()) };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions") { Content = Json($$"""{"prompt":"{{new string('a', 10 << 20)}}"}""") };
        request.Headers.ExpectContinue = true;
        using HttpResponseMessage response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("request_too_large", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health")).StatusCode);
    }

    [Theory]
    [InlineData("Content-Length: 10485760")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task Who_sends_ten_megabytes_before_he_reads_gets_the_answer(string length)
    {
        await using WebApplication app = await server.ListeningAsync();
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.First()).Port);
        await SendAsync(Encoding.ASCII.GetBytes($"POST /v1/completions HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"));
        byte[] part = new byte[1 << 20], before = [], behind = [];
        if (length[0] == 'T')
            (before, behind) = ("100000\r\n"u8.ToArray(), "\r\n"u8.ToArray());
        for (int i = 0; i < 10; i++)
            await SendAsync([.. before, .. part, .. behind]);
        byte[] answer = new byte[4096];
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        int read = await socket.ReceiveAsync(answer, patience.Token);
        Assert.StartsWith("HTTP/1.1 413", Encoding.ASCII.GetString(answer, 0, read), StringComparison.Ordinal);

        async Task SendAsync(byte[] bytes)
        {
            for (int sent = 0; sent < bytes.Length;)
                sent += await socket.SendAsync(bytes.AsMemory(sent));
        }
    }

    [Fact]
    public async Task Many_connections_that_say_nothing_keep_nobody_out()
    {
        await using WebApplication app = await server.ListeningAsync();
        int port = new Uri(app.Urls.First()).Port;
        List<Socket> sockets = [];
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                sockets.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, port);
                if (i % 2 == 0)
                    await socket.SendAsync("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"u8.ToArray());
            }
            using HttpClient client = new() { BaseAddress = new(app.Urls.First()) };
            Assert.Equal(HttpStatusCode.OK, (await client.PostAsync("/v1/completions", Json("""{"prompt":"a","max_tokens":1}"""))).StatusCode);
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task Whoever_stops_in_the_middle_of_a_request_is_hung_up_on()
    {
        await using WebApplication app = await server.ListeningAsync();
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.First()).Port);
        await socket.SendAsync("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"u8.ToArray());
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        byte[] answer = new byte[4096];
        int length = await socket.ReceiveAsync(answer, patience.Token);
        Assert.StartsWith("HTTP/1.1 408", Encoding.ASCII.GetString(answer, 0, length), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_sends_a_body_drop_by_drop_is_hung_up_on()
    {
        await using WebApplication app = await server.ListeningAsync(new() { BodyTimeout = TimeSpan.FromSeconds(1) });
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.First()).Port);
        await socket.SendAsync("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"u8.ToArray());
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        byte[] answer = new byte[4096];
        Task<int> answered = socket.ReceiveAsync(answer, patience.Token).AsTask();
        // Faster than what is hung up on for its speed.
        while (!answered.IsCompleted)
        {
            await socket.SendAsync(new byte[100], SocketFlags.None);
            await Task.Delay(100, patience.Token);
        }
        string text = Encoding.ASCII.GetString(answer, 0, await answered);
        Assert.StartsWith("HTTP/1.1 408", text, StringComparison.Ordinal);
        Assert.Contains("Connection: close", text, StringComparison.Ordinal);
        Assert.Equal(0, server.Model.EngineCounters.Queued);
    }

    [Fact]
    public async Task A_server_that_is_told_to_stop_finishes_what_it_began()
    {
        WebApplication app = await server.ListeningAsync();
        using HttpClient client = new() { BaseAddress = new(app.Urls.First()) };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions")
        {
            Content = Json("""{"prompt":"ROMEO:","max_tokens":60,"stream":true}"""),
        };
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Task stop = app.StopAsync();
        Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await stop;
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/health"));
        await app.DisposeAsync();
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static async Task UntilAsync(Func<bool> isSo)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        while (!isSo())
            await Task.Delay(20, patience.Token);
    }
}
