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
    private static readonly JsonMutation s_json = new("model", "messages", "role", "content", "name", "tool_calls", "tool_call_id", "function", "arguments", "tools",
        "tool_choice", "parameters", "type", "response_format", "json_schema", "json_object", "schema", "stream", "stream_options", "include_usage", "n", "max_tokens",
        "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "logprobs", "top_logprobs", "logit_bias", "prompt", "echo", "best_of",
        "suffix", "input", "dimensions", "encoding_format", "base64", "tokens", "add_special", "with_pieces", "parse_special", "grammar", "regex", "samplers",
        "mirostat", "dry_multiplier", "dry_sequence_breakers", "xtc_probability", "typical_p", "repeat_penalty", "repeat_last_n", "frequency_penalty",
        "chat_template_kwargs", "reasoning_effort", "parallel_tool_calls", "user", "assistant", "system", "tool", "text", "required", "auto", "reasoning_content",
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

    public override int Turn => 100;

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

    protected override IEnumerable<byte[]> Sound() => new[]
    {
        """/v1/chat/completions|{"model":"model","messages":[{"role":"user","content":"hi"}],"max_tokens":3,"temperature":0.7,"top_p":0.9,"seed":1,"logprobs":true,"top_logprobs":2}""",
        """/v1/chat/completions|{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"5"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}],"tool_choice":"auto","stream":true,"stream_options":{"include_usage":true}}""",
        """/v1/chat/completions|{"messages":[{"role":"user","content":"j"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}},"n":2,"stop":["x","\n"],"logit_bias":{"5":-100}}""",
        """/v1/completions|{"prompt":"once","max_tokens":4,"n":2,"echo":true,"logprobs":2,"stop":"a","stream":false,"repeat_penalty":1.1,"min_p":0.1,"samplers":["top_k","temperature"],"mirostat":2}""",
        """/v1/completions|{"prompt":[[1,2,3],[4]],"max_tokens":0,"echo":true,"logprobs":1}""", """/v1/completions|{"prompt":["a","b"],"regex":"[a-z]{3}","stream":true,"dry_multiplier":0.8,"xtc_probability":0.5,"dynatemp_range":0.5}""",
        """/v1/completions|{"prompt":"g","grammar":"root ::= [a-c]+ \"x\"","max_tokens":4}""", """/v1/embeddings|{"input":["a","b c"],"encoding_format":"base64","dimensions":8}""", """/v1/embeddings|{"input":[1,2,3]}""",
        """/tokenize|{"content":"hello <|im_end|>","add_special":true,"with_pieces":true}""", """/detokenize|{"tokens":[1,2,3,260]}""",
        """/v1/chat/completions|{"messages":[{"role":"user","content":"e"}],"reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false},"max_tokens":2,"stream":true,"timings_per_token":true}""",
    }.Select(text => Encoding.UTF8.GetBytes(text[..text.IndexOf('|', StringComparison.Ordinal)] + "\n" + text[(text.IndexOf('|', StringComparison.Ordinal) + 1)..]));
}
