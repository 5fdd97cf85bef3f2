// Clients of any server that speaks OpenAI's way, over HTTP: tokens per second together, time to the first token, time of each token.
// dotnet run -c Release --project bench/serve -- http://127.0.0.1:8080 --clients 8 --prompt 128 --tokens 128
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

Argument<string> address = new("ADDRESS") { Description = "The server, as http://127.0.0.1:8080." };
Option<int> clients = new("--clients", "-c") { Description = "Clients at once.", DefaultValueFactory = _ => 1 };
Option<int> requests = new("--requests", "-r") { Description = "Requests of each client.", DefaultValueFactory = _ => 1 };
Option<int> prompt = new("--prompt", "-p") { Description = "Tokens of a prompt, about: words of one syllable.", DefaultValueFactory = _ => 128 };
Option<int> tokens = new("--tokens", "-n") { Description = "Tokens to generate.", DefaultValueFactory = _ => 128 };
Option<bool> alike = new("--alike") { Description = "One prompt for all, so that prefixes are shared." };
Option<string?> key = new("--api-key") { Description = "The server's key." };
RootCommand root = new("Measures a server that speaks OpenAI's way.") { address, clients, requests, prompt, tokens, alike, key };
root.SetAction(async (parsed, cancellation) =>
{
    int count = parsed.GetValue(clients), each = parsed.GetValue(requests);
    using HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = count })
    {
        BaseAddress = new(parsed.GetValue(address)!.TrimEnd('/') + "/"),
        Timeout = Timeout.InfiniteTimeSpan,
    };
    if (parsed.GetValue(key) is { } secret)
        http.DefaultRequestHeaders.Add("Authorization", $"Bearer {secret}");
    // Connections, compilers and caches of both sides.
    await Client.AskAsync(http, Client.Prompt(8, -1), 4, cancellation).ConfigureAwait(false);
    long start = Stopwatch.GetTimestamp();
    Answer[][] answers = await Task.WhenAll(Enumerable.Range(0, count).Select(client => Task.Run(async () =>
    {
        List<Answer> own = [];
        for (int i = 0; i < each; i++)
        {
            string text = Client.Prompt(parsed.GetValue(prompt), parsed.GetValue(alike) ? 0 : client * each + i);
            own.Add(await Client.AskAsync(http, text, parsed.GetValue(tokens), cancellation).ConfigureAwait(false));
        }
        return own.ToArray();
    }, cancellation))).ConfigureAwait(false);
    Client.Print(count, [.. answers.SelectMany(all => all)], Stopwatch.GetElapsedTime(start));
});
return await root.Parse(args).InvokeAsync().ConfigureAwait(false);

/// <summary>What an answer took.</summary>
/// <param name="Prompt">Tokens of the prompt, as the server counts.</param>
/// <param name="Tokens">Tokens generated, as it counts; else pieces of text.</param>
/// <param name="First">Time to the first of them.</param>
/// <param name="Gaps">Times between them.</param>
internal sealed record Answer(int Prompt, int Tokens, TimeSpan First, IReadOnlyList<TimeSpan> Gaps);

/// <summary>Asks, and reads what streams.</summary>
internal static class Client
{
    private static readonly string[] s_words = ["the", "king", "and", "his", "men", "came", "to", "see", "a", "ship",
        "from", "far", "off", "with", "red", "wine"];

    public static string Prompt(int tokens, int seed)
    {
        Random random = new(seed);
        return string.Join(' ', Enumerable.Range(0, Math.Max(tokens, 1)).Select(_ => s_words[random.Next(s_words.Length)]));
    }

    public static async Task<Answer> AskAsync(HttpClient http, string prompt, int tokens, CancellationToken cancellation)
    {
        JsonObject body = new()
        {
            ["prompt"] = prompt,
            ["max_tokens"] = tokens,
            ["temperature"] = 0,
            ["stream"] = true,
            ["stream_options"] = new JsonObject { ["include_usage"] = true },
            // llama.cpp's server goes on behind the end of a text.
            ["ignore_eos"] = true,
        };
        using HttpRequestMessage request = new(HttpMethod.Post, "v1/completions")
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        long last = Stopwatch.GetTimestamp();
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)}");
        using StreamReader lines = new(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false));
        TimeSpan? first = null;
        List<TimeSpan> gaps = [];
        int read = 0, generated = 0;
        while (await lines.ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            if (!line.StartsWith("data: {", StringComparison.Ordinal))
                continue;
            JsonNode json = JsonNode.Parse(line["data: ".Length..])!;
            if (json["error"] is { } error)
                throw new InvalidOperationException(error.ToJsonString());
            if (json["usage"] is { } usage)
                (read, generated) = ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!);
            if (json["choices"] is not JsonArray { Count: > 0 } choices || (string?)choices[0]!["text"] is not { Length: > 0 })
                continue;
            TimeSpan gap = Stopwatch.GetElapsedTime(last);
            last = Stopwatch.GetTimestamp();
            if (first is null)
                first = gap;
            else
                gaps.Add(gap);
        }
        return new(read, generated > 0 ? generated : gaps.Count + 1, first ?? TimeSpan.Zero, gaps);
    }

    public static void Print(int clients, Answer[] answers, TimeSpan elapsed)
    {
        double[] first = [.. answers.Select(each => each.First.TotalMilliseconds).Order()];
        double[] gaps = [.. answers.SelectMany(each => each.Gaps).Select(each => each.TotalMilliseconds).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{clients} clients, {answers.Length} requests of {answers.Average(each => each.Prompt):f0} + {answers.Average(each => each.Tokens):f0} tokens")
            + string.Create(CultureInfo.InvariantCulture, $" in {elapsed.TotalSeconds:f2} s"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{answers.Sum(each => each.Tokens) / elapsed.TotalSeconds:f1} tokens/s generated")
            + string.Create(CultureInfo.InvariantCulture, $" | first token p50 {At(first, 0.5):f1}, p99 {At(first, 0.99):f1} ms")
            + string.Create(CultureInfo.InvariantCulture, $" | each after it p50 {At(gaps, 0.5):f2}, p99 {At(gaps, 0.99):f2} ms"));
    }

    private static double At(double[] sorted, double quantile) => sorted.Length == 0 ? 0 : sorted[Math.Min((int)(quantile * sorted.Length), sorted.Length - 1)];
}
