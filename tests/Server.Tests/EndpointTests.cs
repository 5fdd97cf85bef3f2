using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace MeKi.Server.Tests;

/// <summary>Every endpoint, its limits, and what it says of bad input.</summary>
public sealed class EndpointTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private static readonly MeKiServerOptions s_small = new() { MaxPromptTokens = 5 };

    [Fact]
    public async Task A_text_is_continued_with_counts()
    {
        using HttpClient client = await server.InProcessAsync();
        JsonNode answer = await PostAsync(client, "/v1/completions", """{"prompt":"ROMEO:","max_tokens":8,"temperature":0}""");
        Assert.Equal("text_completion", (string?)answer["object"]);
        Assert.Equal("length", (string?)answer["choices"]![0]!["finish_reason"]);
        Assert.Equal(8, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task Echo_gives_the_log_probabilities_of_the_prompt_that_a_harness_sums()
    {
        using HttpClient client = await server.InProcessAsync();
        int[] ids = server.Model.Tokenizer!.Encode("KING RICHARD III:\nNow is the winter");
        JsonNode answer = await PostAsync(client, "/v1/completions",
            $$"""{"prompt":[[{{string.Join(',', ids)}}]],"max_tokens":1,"logprobs":1,"echo":true,"temperature":0,"seed":1234}""");
        JsonNode logs = answer["choices"]![0]!["logprobs"]!;
        Assert.Equal(ids.Length + 1, logs["token_logprobs"]!.AsArray().Count);
        Assert.Null(logs["token_logprobs"]![0]);
        Assert.Null(logs["top_logprobs"]![0]);
        // The same number by another way: each token generated, by force, behind those before it.
        JsonNode forced = await PostAsync(client, "/v1/completions",
            $$$"""{"prompt":[{{{string.Join(',', ids[..^1])}}}],"max_tokens":1,"logprobs":0,"temperature":0,"logit_bias":{"{{{ids[^1]}}}":1000}}""");
        Assert.Equal((double)forced["choices"]![0]!["logprobs"]!["token_logprobs"]![0]!, (double)logs["token_logprobs"]![ids.Length - 1]!);
        Assert.StartsWith("KING RICHARD III:\nNow is the winter", (string?)answer["choices"]![0]!["text"], StringComparison.Ordinal);
        Assert.Equal((ids.Length, 0),
            ((int)answer["usage"]!["prompt_tokens"]!, (int)answer["usage"]!["prompt_tokens_details"]!["cached_tokens"]!));
    }

    [Fact]
    public async Task Echo_alone_generates_nothing()
    {
        using HttpClient client = await server.InProcessAsync();
        JsonNode answer = await PostAsync(client, "/v1/completions", """{"prompt":["ROMEO:","JULIET:"],"max_tokens":0,"logprobs":2,"echo":true}""");
        Assert.Equal(["ROMEO:", "JULIET:"], answer["choices"]!.AsArray().Select(each => (string?)each!["text"]));
    }

    [Fact]
    public async Task A_stream_has_the_text_of_the_whole_answer()
    {
        using HttpClient client = await server.InProcessAsync();
        const string Request = """{"prompt":"ROMEO:","max_tokens":20,"temperature":0,"n":2""";
        string whole = (string)(await PostAsync(client, "/v1/completions", Request + "}"))["choices"]![1]!["text"]!;
        using HttpResponseMessage response = await client.PostAsync("/v1/completions",
            Json(Request + ""","stream":true,"stream_options":{"include_usage":true}}"""));
        string[] events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", events[^1]);
        JsonNode[] parts = [.. events[..^1].Select(each => JsonNode.Parse(each["data: ".Length..])!)];
        Assert.Equal(40, (int)parts[^1]["usage"]!["completion_tokens"]!);
        Assert.Equal(whole, string.Concat(parts.SelectMany(each => each["choices"]!.AsArray())
            .Where(each => (int)each!["index"]! == 1).Select(each => each!["text"])));
    }

    [Fact]
    public async Task Tokens_go_there_and_back()
    {
        using HttpClient client = await server.InProcessAsync();
        JsonNode tokens = await PostAsync(client, "/tokenize", """{"content":"To be, or not to be"}""");
        JsonNode text = await PostAsync(client, "/detokenize", $$"""{"tokens":{{tokens["tokens"]!.ToJsonString()}}}""");
        Assert.Equal("To be, or not to be", (string?)text["content"]);
    }

    [Fact]
    public async Task Models_health_metrics_and_the_page_are_there()
    {
        using HttpClient client = await server.InProcessAsync();
        await PostAsync(client, "/v1/completions", """{"prompt":"ROMEO:","max_tokens":2}""");
        JsonNode models = JsonNode.Parse(await client.GetStringAsync("/v1/models"))!;
        Assert.Equal("tiny-meki", (string?)models["data"]![0]!["id"]);
        Assert.Contains("tiny-meki", await client.GetStringAsync("/v1/models/tiny-meki"), StringComparison.Ordinal);
        Assert.Equal("""{"status":"ok"}""", await client.GetStringAsync("/health"));
        string metrics = await client.GetStringAsync("/metrics");
        string[] names =
        [
            "gen_ai_server_request_duration_seconds", "gen_ai_server_time_to_first_token_seconds", "gen_ai_server_time_per_output_token_seconds",
            "gen_ai_client_token_usage", "meki_tokens_prompt_total", "meki_tokens_generated_total", "meki_requests_active", "meki_engine_queued",
            "meki_engine_running", "meki_kv_bytes", "meki_kv_limit_bytes", "meki_engine_preemptions_total", "meki_rows_read_total",
            "meki_rows_hits_total", "meki_rows_misses_total", "meki_rows_wait_seconds_total",
        ];
        Assert.All(names, name => Assert.Contains($"# TYPE {name} ", metrics, StringComparison.Ordinal));
        using HttpResponseMessage page = await client.GetAsync("/");
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.False(page.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("/v1/completions", "{", 400, "invalid_json")]
    [InlineData("/v1/completions", "", 400, "invalid_json")]
    [InlineData("/v1/completions", "[]", 400, "invalid_type")]
    [InlineData("/v1/completions", "{}", 400, "missing_required_parameter")]
    [InlineData("/v1/completions", """{"prompt":""}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"\ud800"}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":[999999]}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","max_tokens":-1}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","max_tokens":1e99}""", 400, "invalid_type")]
    [InlineData("/v1/completions", """{"prompt":"a","n":0}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","n":100000}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","temperature":"hot"}""", 400, "invalid_type")]
    [InlineData("/v1/completions", """{"prompt":"a","temperature":-1}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","stop":[""]}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","logit_bias":{"x":1}}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","grammar":"root ::= ("}""", 400, "invalid_value")]
    [InlineData("/v1/completions", """{"prompt":"a","model":"gpt-4"}""", 404, "model_not_found")]
    [InlineData("/v1/chat/completions", """{"messages":[]}""", 400, "invalid_value")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"king","content":"a"}]}""", 400, "invalid_value")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""", 400, "invalid_value")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user"}]}""", 400, "missing_required_parameter")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"max_tokens":0}""", 400, "invalid_value")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"tool_choice":"required"}""", 400, "invalid_value")]
    [InlineData("/v1/embeddings", """{"input":[]}""", 400, "invalid_value")]
    [InlineData("/v1/embeddings", """{"input":"a","dimensions":100000}""", 400, "invalid_value")]
    [InlineData("/tokenize", """{"content":5}""", 400, "invalid_type")]
    [InlineData("/detokenize", """{"tokens":[-1]}""", 400, "invalid_value")]
    [InlineData("/v1/nothing", "{}", 404, "not_found")]
    [InlineData("/v1/models", "{}", 405, "method_not_allowed")]
    public async Task Bad_input_gets_its_status_and_an_error_in_OpenAIs_form(string path, string body, int status, string code)
    {
        using HttpClient client = await server.InProcessAsync();
        using HttpResponseMessage response = await client.PostAsync(path, Json(body));
        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((status, code), ((int)response.StatusCode, (string?)error["code"]));
        Assert.NotEqual("", (string?)error["message"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
    }

    [Fact]
    public async Task A_prompt_beyond_the_context_is_told_so()
    {
        using HttpClient client = await server.InProcessAsync();
        string words = string.Concat(Enumerable.Repeat("word ", 20_000));
        using HttpResponseMessage response = await client.PostAsync("/v1/completions", Json($$"""{"prompt":"{{words}}"}"""));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("context_length_exceeded", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await RefusedAsync(client, "/v1/completions", $$"""["a","{{words}}"]""", "prompt");
        await RefusedAsync(client, "/v1/chat/completions", $$"""[{"role":"user","content":"{{words}}"}]""", "messages");
        await RefusedAsync(client, "/v1/responses", $"\"{words}\"", "input");
        await RefusedAsync(client, "/v1/embeddings", $$"""["a","{{words}}"]""", "input", "input[1]");
        await RefusedAsync(client, "/v1/embeddings", $"[{string.Join(',', Enumerable.Repeat(1, 5000))}]", "input");
        using HttpClient small = await server.InProcessAsync(s_small);
        await RefusedAsync(small, "/v1/completions", "[1,2,3,4,5,6]", "prompt");
        await RefusedAsync(small, "/v1/embeddings", "[[1],[1,2,3,4,5,6]]", "input", "input[1]");
        await RefusedAsync(small, "/v1/embeddings", "\"Now is the winter of our discontent\"", "input");

        static async Task RefusedAsync(HttpClient client, string path, string value, string member, string? named = null) =>
            Assert.Equal((400, "context_length_exceeded", named ?? member), await client.RefusedAsync(path, Json($$"""{"{{member}}":{{value}}}""")));
    }

    [Theory]
    [InlineData("/v1/completions", """{"prompt":[WORDS],"stream":true}""", "prompt")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"TEXT"}],"stream":true}""", "messages")]
    public async Task A_prompt_beyond_the_memory_is_told_so_before_a_stream_begins(string path, string body, string parameter)
    {
        using MeKiModel model = MeKiModel.Load(server.Model.LoadReport.Path, new() { Threads = 1, MaxKvBytes = 1 });
        await using WebApplication app = MeKiServer.Create(model, new(), new(), builder => builder.WebHost.UseTestServer());
        await app.StartAsync();
        using HttpClient client = app.GetTestClient();
        body = body.Replace("WORDS", string.Join(',', Enumerable.Repeat(1, 300)), StringComparison.Ordinal)
            .Replace("TEXT", string.Concat(Enumerable.Repeat("word ", 400)), StringComparison.Ordinal);
        Assert.Equal((400, "context_length_exceeded", parameter), await client.RefusedAsync(path, Json(body)));
    }

    [Fact]
    public async Task Prompts_with_log_probabilities_wait_for_each_other_and_come_in_their_order()
    {
        using HttpClient client = await server.InProcessAsync();
        string prompts = string.Join(',', Enumerable.Range(0, 6).Select(i => $"[{i + 20},{i + 21},{i + 22}]"));
        JsonNode[] answers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => PostAsync(client, "/v1/completions",
            $$"""{"prompt":[{{prompts}}],"max_tokens":1,"logprobs":5,"echo":true,"temperature":0}""")));
        JsonArray choices = answers[0]["choices"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, 6), choices.Select(each => (int)each!["index"]!));
        for (int i = 0; i < 6; i += 5)
        {
            Assert.Equal(4, choices[i]!["logprobs"]!["token_logprobs"]!.AsArray().Count);
            JsonNode alone = await PostAsync(client, "/v1/completions",
                $$"""{"prompt":[[{{i + 20}},{{i + 21}},{{i + 22}}]],"max_tokens":1,"logprobs":5,"echo":true,"temperature":0}""");
            Assert.Equal(alone["choices"]![0]!["logprobs"]!.ToJsonString(), choices[i]!["logprobs"]!.ToJsonString());
        }
        Assert.All(answers, each => Assert.Equal(choices.ToJsonString(), each["choices"]!.ToJsonString()));
    }

    [Fact]
    public async Task Biases_that_leave_no_token_are_the_requests_own_fault()
    {
        using HttpClient client = await server.InProcessAsync();
        string none = string.Join(',', Enumerable.Range(0, server.Model.Tokenizer!.VocabularySize).Select(id => $"[{id},false]"));
        Assert.Equal((400, "invalid_value", "logit_bias"),
            await client.RefusedAsync("/v1/completions", Json($$"""{"prompt":"a","logit_bias":[{{none}}]}""")));
        using HttpResponseMessage stream = await client.PostAsync("/v1/completions", Json($$"""{"prompt":"a","stream":true,"logit_bias":[{{none}}]}"""));
        Assert.Contains("\"param\":\"logit_bias\"", await stream.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_its_key_nobody_gets_more_than_the_page_and_health()
    {
        using HttpClient client = await server.InProcessAsync(new() { ApiKeys = ["secret", "other"] });
        foreach (string path in (string[])["/v1/models", "/metrics"])
        {
            using HttpResponseMessage refused = await client.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Contains("invalid_api_key", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/")).StatusCode);
        client.DefaultRequestHeaders.Add("Authorization", "Bearer other");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/models")).StatusCode);
        client.DefaultRequestHeaders.Remove("Authorization");
        client.DefaultRequestHeaders.Add("Authorization", "Bearer secre");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/models")).StatusCode);
        client.DefaultRequestHeaders.Remove("Authorization");
        client.DefaultRequestHeaders.Add("api-key", "secret");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task A_page_of_a_foreign_site_cannot_use_a_server_without_a_key()
    {
        using HttpClient client = await server.InProcessAsync();
        client.DefaultRequestHeaders.Add("Origin", "https://example.org");
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsync("/v1/completions", Json("{}"))).StatusCode);
        using HttpClient allowed = await server.InProcessAsync(new() { Origins = ["https://example.org"] });
        allowed.DefaultRequestHeaders.Add("Origin", "https://example.org");
        using HttpResponseMessage response = await allowed.GetAsync("/v1/models");
        Assert.Equal("https://example.org", response.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    [Fact]
    public async Task Embeddings_have_length_one_as_numbers_and_as_bytes()
    {
        using HttpClient client = await server.InProcessAsync();
        JsonNode numbers = await PostAsync(client, "/v1/embeddings", """{"input":["a king","a queen"],"dimensions":64}""");
        float[] vector = [.. numbers["data"]![1]!["embedding"]!.AsArray().Select(each => (float)each!)];
        Assert.Equal(64, vector.Length);
        Assert.Equal(1, vector.Sum(each => each * each), 3);
        JsonNode bytes = await PostAsync(client, "/v1/embeddings", """{"input":"a queen","dimensions":64,"encoding_format":"base64"}""");
        Assert.Equal(vector[0], BitConverter.ToSingle(Convert.FromBase64String((string)bytes["data"]![0]!["embedding"]!)));
        // Tokens are taken as they are, control tokens among them.
        int[] ids = server.Model.Tokenizer!.Encode("a queen");
        JsonNode tokens = await PostAsync(client, "/v1/embeddings",
            $$"""{"input":[[{{string.Join(',', ids)}}],[{{server.Model.Tokenizer.EosIds[0]}}]],"dimensions":64}""");
        Assert.Equal(numbers["data"]![1]!["embedding"]!.ToJsonString(), tokens["data"]![0]!["embedding"]!.ToJsonString());
        Assert.Equal(ids.Length + 1, (int)tokens["usage"]!["total_tokens"]!);
    }

    [Fact]
    public async Task A_request_more_than_there_is_room_for_is_told_to_come_again()
    {
        using HttpClient client = await server.InProcessAsync(new() { MaxRequests = 1 });
        const string Long = """{"prompt":"ROMEO:","max_tokens":400,"temperature":1,"seed":1,"stream":true,"logit_bias":{"0":-100}}""";
        using HttpRequestMessage first = new(HttpMethod.Post, "/v1/completions") { Content = Json(Long) };
        using HttpResponseMessage running = await client.SendAsync(first, HttpCompletionOption.ResponseHeadersRead);
        using HttpResponseMessage refused = await client.PostAsync("/v1/completions", Json("""{"prompt":"a"}"""));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.True(refused.Headers.Contains("Retry-After"));
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static async Task<JsonNode> PostAsync(HttpClient client, string path, string body)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(body));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
