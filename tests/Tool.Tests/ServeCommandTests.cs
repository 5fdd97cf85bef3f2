using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace MeKi.Tool.Tests;

/// <summary><c>meki serve</c> as a process: who is let in, ten thousand connections, and its end.</summary>
public sealed class ServeCommandTests
{
    private const int Connections = 10_000;

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public async Task An_address_that_others_reach_needs_a_key(string host)
    {
        ProgramResult result = await MekiProgram.Run("serve", "--host", host);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--api-key", string.Join('\n', result.Errors), StringComparison.Ordinal);
    }

    [ConnectionsFact]
    public async Task Ten_thousand_connections_that_say_nothing_or_half_of_it_keep_nobody_out()
    {
        ProgramResult result = await Serving(async (address, process, patience) =>
        {
            using HttpClient client = new() { BaseAddress = address };
            string before = await Answer(client, patience);
            List<Socket> sockets = [];
            try
            {
                for (int i = 0; i < Connections; i++)
                {
                    Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    sockets.Add(socket);
                    await socket.ConnectAsync(IPAddress.Loopback, address.Port, patience);
                    if (i % 2 == 0)
                        await socket.SendAsync("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"u8.ToArray(), patience);
                }
                Assert.Equal(before, await Answer(client, patience));
            }
            finally
            {
                sockets.ForEach(socket => socket.Dispose());
            }
            Assert.Equal(before, await Answer(client, patience));
            MekiProgram.Signal(process, MekiProgram.Terminate);
        });
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task A_signal_to_end_lets_a_stream_finish_and_refuses_others()
    {
        ProgramResult result = await Serving(async (address, process, patience) =>
        {
            using HttpClient client = new() { BaseAddress = address };
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions")
            {
                Content = JsonContent.Create(new JsonObject { ["prompt"] = "ROMEO:", ["max_tokens"] = 300, ["stream"] = true, ["ignore_eos"] = true }),
            };
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience);
            MekiProgram.Signal(process, MekiProgram.Terminate);
            Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync(patience), StringComparison.Ordinal);
        });
        Assert.Equal(0, result.ExitCode);
        Assert.Equal("meki: stopped", result.Errors[^1]);
    }

    private static async Task<string> Answer(HttpClient client, CancellationToken patience)
    {
        using HttpResponseMessage response = await client.PostAsJsonAsync("/v1/completions",
            new JsonObject { ["prompt"] = "ROMEO:", ["max_tokens"] = 8, ["temperature"] = 0 }, patience);
        string text = await response.Content.ReadAsStringAsync(patience);
        Assert.True(response.IsSuccessStatusCode, text);
        return (string)JsonNode.Parse(text)!["choices"]![0]!["text"]!;
    }

    private static Task<ProgramResult> Serving(Func<Uri, Process, CancellationToken, Task> use) => MekiProgram.Converse("serving on ",
        (line, process, patience) => use(new(line[line.IndexOf("http", StringComparison.Ordinal)..].Split(',')[0]), process, patience),
        "serve", "--model", MekiProgram.DemoModel, "--port", "0", "--threads", "1");

    /// <summary>A fact that needs so many open files; reported as skipped where a process may not have them.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class ConnectionsFactAttribute : FactAttribute
    {
        public ConnectionsFactAttribute()
        {
            string? limit = OperatingSystem.IsLinux()
                ? File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)) : null;
            if (limit is null || !int.TryParse(limit.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], out int files) || files < Connections + 1000)
                Skip = $"needs {Connections + 1000} open files for each process (ulimit -n)";
        }
    }
}
