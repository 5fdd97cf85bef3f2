using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Tests.Files;
using MeKi.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace MeKi.Fuzz.Readers;

/// <summary>Requests to a server: a line with the path, and a body. No answer may say that the server failed.</summary>
internal sealed class ServerReader : Reader
{
    private static readonly JsonMutation s_json = new("model", "messages", "role", "content", "name", "tool_calls", "tool_call_id", "function", "arguments",
        "tools",
        "tool_choice", "parameters", "type", "response_format", "json_schema", "json_object", "schema", "stream", "stream_options", "include_usage", "n",
        "max_tokens",
        "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "logprobs", "top_logprobs", "logit_bias", "prompt", "echo",
        "best_of",
        "suffix", "input", "dimensions", "encoding_format", "base64", "tokens", "add_special", "with_pieces", "parse_special", "grammar", "regex", "samplers",
        "mirostat", "dry_multiplier", "dry_sequence_breakers", "xtc_probability", "typical_p", "repeat_penalty", "repeat_last_n", "frequency_penalty",
        "chat_template_kwargs", "reasoning_effort", "parallel_tool_calls", "user", "assistant", "system", "tool", "text", "required", "auto",
        "reasoning_content",
        "timings_per_token", "adapters", "lora", "cache_prompt", "refusal", "dynatemp_range", "n_predict");

    private static readonly string[] s_paths = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize", "/v1/models/x"];

    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model;
    private readonly WebApplication _application;
    private readonly HttpClient _client;

    public ServerReader()
    {
        TinyModels.Talking(_folder["model"]);
        _model = MeKiModel.Load(_folder["model"], new() { Threads = 1 });
        _application = MeKiServer.Create(_model, new() { MaxTokens = 4 }, new(), builder => builder.WebHost.UseTestServer());
        _application.StartAsync().GetAwaiter().GetResult();
        _client = _application.GetTestClient();
    }

    public override string Name => "server";

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        int end = Math.Max(0, Array.IndexOf(input, (byte)'\n'));
        byte[] path = random.Next(20) == 0 ? Encoding.ASCII.GetBytes(Interesting.Pick(random, s_paths)) : input[..end];
        byte[] body = s_json.Mutate(input[Math.Min(end + 1, input.Length)..], other[Math.Min(Array.IndexOf(other, (byte)'\n') + 1, other.Length)..], random);
        return [.. path, (byte)'\n', .. body];
    }

    public override void Read(byte[] input, Random random)
    {
        int end = Array.IndexOf(input, (byte)'\n');
        if (end < 1 || input[0] != '/')
            return;
        using ByteArrayContent body = new(input, end + 1, input.Length - end - 1);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        Uri path = new(Encoding.ASCII.GetString(input, 0, end), UriKind.Relative);
        using HttpResponseMessage answer = _client.PostAsync(path, body).GetAwaiter().GetResult();
        string text = answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        Require(answer.StatusCode < HttpStatusCode.InternalServerError, $"{(int)answer.StatusCode} {text}");
        Require(!text.Contains("internal_error", StringComparison.Ordinal), text);
        if (answer.Content.Headers.ContentType?.MediaType == "application/json")
            JsonDocument.Parse(text).Dispose();
        if (!answer.IsSuccessStatusCode)
            throw new ModelFileException("", "", $"{(int)answer.StatusCode} {text}");
    }

    protected override void Close()
    {
        _client.Dispose();
        _application.StopAsync().GetAwaiter().GetResult();
        ((IAsyncDisposable)_application).DisposeAsync().AsTask().GetAwaiter().GetResult();
        _model.Dispose();
        _folder.Dispose();
    }

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}
