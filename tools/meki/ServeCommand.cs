using System.CommandLine;
using System.Globalization;
using System.Net;
using MeKi.Model;
using MeKi.Model.Templates;
using MeKi.Server;
using MeKi.Tool.Rows;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace MeKi.Tool;

/// <summary><c>meki serve</c>: a model over HTTP, for OpenAI's clients and for browsers. The log goes to standard error.</summary>
internal static class ServeCommand
{
    private const string KeyVariable = "MEKI_API_KEY";

    private const string Loopback = "127.0.0.1";
    private const int DefaultPort = 8080;

    /// <summary>Whether requests in progress are being finished after a signal: the program then ends when they have, or when their time is over.</summary>
    public static bool IsDraining { get; private set; }

    public static Command Create()
    {
        Option<string?> model = DemoModel.Option();
        Option<string> host = new("--host")
        {
            Description = "The address to listen on: localhost, 0.0.0.0 for all of IPv4, or another. Any but this machine's own needs --api-key.",
            HelpName = "ADDRESS",
            DefaultValueFactory = _ => Loopback,
        };
        NumberOption<int> port = new("--port", ["-p"], "The port; 0 takes a free one.", 0, 65535, DefaultPort);
        Option<string[]> alias = new("--alias", "-a") { Description = "The name that requests give the model; may be given several times.", HelpName = "NAME" };
        Option<string[]> key = new("--api-key")
        {
            Description = $"A key of which each request must bring one. Others see a command line: {KeyVariable} or --api-key-file keep it secret.",
            HelpName = "KEY",
        };
        Option<string?> keyFile = new("--api-key-file") { Description = "A file with such keys, one a line.", HelpName = "FILE" };
        Option<bool> insecure = new("--insecure") { Description = "Let everybody in who reaches the address." };
        Option<string[]> origins = new("--cors-origin")
        {
            Description = "A site whose pages may use the server, as https://example.org; may be given several times. Default: none.",
            HelpName = "ORIGIN",
        };
        NumberOption<int> body = new("--max-body", [], "The largest request in kilobytes.", 1, 1 << 20, 4096);
        NumberOption<int> prompt = new("--max-prompt", [], "The longest prompt in tokens. Default: the model's context.", 1, int.MaxValue);
        NumberOption<int> tokens = new("--max-tokens", ["-n"], "The most tokens of an answer, whatever is asked for. Default: no limit.", 1, int.MaxValue);
        NumberOption<int> requests = new("--max-requests", [], "Requests in progress at once; more are told to come again.", 1, 1 << 20, 256);
        NumberOption<int> timeout = new("--timeout", [], "Seconds that a request may take; 0 for any time.", 0, 1 << 20, 600);
        NumberOption<int> bodyTime = new("--body-timeout", [], "Seconds that the body of a request may take to come; 0 for any time.", 0, 1 << 20, 60);
        NumberOption<int> drain = new("--drain", [], "Seconds that requests in progress may go on after a signal to end.", 0, 1 << 20, 30);
        Option<bool> noPage = new("--no-page") { Description = "No page at /." };
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Option<bool> copy = new("--no-mmap") { Description = "Read the weights into memory instead of mapping their file." };
        Option<string?> template = new("--chat-template") { Description = "A Jinja file in place of the model's own template.", HelpName = "FILE" };
        CacheOptions cache = new();
        AdapterFlags adapters = new();
        RowOptions rows = new();
        Command command = new("serve", "Serve a model over HTTP, as OpenAI does, with a page to talk to it.");
        Array.ForEach<Option>(
            [
                model, host, port, alias, template, key, keyFile, insecure, origins, body, prompt, tokens, requests, timeout, bodyTime, drain, noPage, copy,
                threads, memory,
            ], command.Add);
        cache.AddTo(command);
        adapters.AddTo(command);
        rows.AddTo(command);
        command.Validators.Add(result =>
        {
            string address = result.GetValue(host) is { Length: > 0 } given ? given : Loopback;
            if (address != "localhost" && !IPAddress.TryParse(address, out _))
                result.AddError($"--host takes an address such as 127.0.0.1 or 0.0.0.0, not '{address}'.");
            else if (!IsLocal(address) && !result.GetValue(insecure) && result.GetValue(key) is not { Length: > 0 } && result.GetValue(keyFile) is null
                && string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(KeyVariable)))
            {
                result.AddError($"Everybody who reaches {address} could use the server: set {KeyVariable} or --api-key, or say --insecure.");
            }
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            LoadOptions load = adapters.Apply(parsed, cache.Apply(parsed, new()
            {
                Threads = parsed.GetValue(threads), Rows = rows.Of(parsed), CopyWeights = parsed.GetValue(copy), MaxMemory = memory.Bytes(parsed),
            }));
            MeKiServerOptions options = new()
            {
                ModelNames = parsed.GetValue(alias) ?? [],
                ApiKeys = [.. parsed.GetValue(key) ?? [], .. Keys(parsed.GetValue(keyFile))],
                Origins = parsed.GetValue(origins) ?? [],
                MaxBodyBytes = body.Of(parsed) * 1024L,
                MaxPromptTokens = parsed.GetValue(prompt),
                MaxTokens = parsed.GetValue(tokens),
                MaxRequests = requests.Of(parsed),
                RequestTimeout = Time(timeout.Of(parsed)),
                BodyTimeout = Time(bodyTime.Of(parsed)),
                ChatTemplate = parsed.GetValue(template) is { } file ? ChatTemplate.Load(file) : null,
                HasPage = !parsed.GetValue(noPage),
            };
            string address = parsed.GetValue(host)!;
            ServerSettings settings = new()
            {
                Address = address == "localhost" ? null : IPAddress.Parse(address),
                Port = port.Of(parsed),
                Drain = TimeSpan.FromSeconds(drain.Of(parsed)),
                Logging = AddLog,
            };
            using MeKiModel loaded = await ModelLoading.LoadAsync(parsed.GetValue(model) ?? DemoModel.Find(), load, cancellation).ConfigureAwait(false);
            await RunAsync(loaded, options, settings, cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task RunAsync(MeKiModel model, MeKiServerOptions options, ServerSettings settings, CancellationToken cancellation)
    {
        await using WebApplication app = MeKiServer.Create(model, options, settings,
            // Signals are the program's.
            builder => builder.Services.AddSingleton<IHostLifetime, NoLifetime>());
        await app.StartAsync(cancellation).ConfigureAwait(false);
        Console.Error.WriteLine(model.LoadReport);
        Console.Error.WriteLine($"meki: serving on {string.Join(", ", app.Urls)}");
        TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using (cancellation.Register(told.SetResult))
            await told.Task.ConfigureAwait(false);
        IsDraining = true;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"meki: stopping; requests in progress have {settings.Drain.TotalSeconds} s. Ctrl-C ends at once"));
        await app.StopAsync(CancellationToken.None).ConfigureAwait(false);
        Console.Error.WriteLine("meki: stopped");
    }

    private static void AddLog(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static IEnumerable<string> Keys(string? file)
    {
        if (Environment.GetEnvironmentVariable(KeyVariable) is { } variable && !string.IsNullOrWhiteSpace(variable))
            yield return variable.Trim();
        if (file is null)
            yield break;
        string[] keys = [.. File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0)];
        if (keys.Length == 0)
            throw new ArgumentException($"{file} has no keys: it takes one a line.");
        foreach (string key in keys)
            yield return key;
    }

    private static TimeSpan Time(int seconds) => seconds == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds);

    private static bool IsLocal(string address) => address == "localhost" || IPAddress.IsLoopback(IPAddress.Parse(address));

    /// <summary>Leaves signals to the program.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
