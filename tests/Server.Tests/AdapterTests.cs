using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace MeKi.Server.Tests;

/// <summary>Adapters that requests name, and those of requests that name none.</summary>
public sealed class AdapterTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model;
    private WebApplication? _app;
    private HttpClient? _client;

    public AdapterTests()
    {
        string path = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");
        _model = MeKiModel.Load(path, new() { Threads = 1, AdapterFolder = _folder.FullName });
        LoraWriter writer = new(_model.Config, BlockFormat.Of(GgmlType.F32));
        for (int i = 0; i < 2; i++)
            writer.WriteGguf(SyntheticAdapter.Create(_model.Config, 4, i, "x"), Path.Combine(_folder.FullName, $"a{i}.gguf"));
    }

    public async Task InitializeAsync()
    {
        _app = MeKiServer.Create(_model, new(), new(), builder => builder.WebHost.UseTestServer());
        await _app.StartAsync();
        _client = _app.GetTestClient();
    }

    public async Task DisposeAsync()
    {
        _client!.Dispose();
        await _app!.DisposeAsync();
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_request_names_adapters_by_number_or_by_name()
    {
        string plain = await TextAsync(""), first = await TextAsync(""", "lora":[{"id":0,"scale":0.5}]""");
        Assert.NotEqual(plain, first);
        Assert.Equal(first, await TextAsync(""", "lora":[{"name":"a0","scale":0.5}]"""));
        Assert.NotEqual(first, await TextAsync(""", "lora":[{"name":"a1"}]"""));
        Assert.NotEqual(first, await TextAsync(""", "lora":[{"id":0,"scale":0.5},{"id":1,"scale":1}]"""));
        Assert.Equal(plain, await TextAsync(""", "lora":[]"""));
        Assert.Equal(plain, await TextAsync(""", "lora":[{"id":1,"scale":0}]"""));
    }

    [Fact]
    public async Task The_log_probabilities_of_a_prompt_are_those_with_its_adapters()
    {
        const string Echo = """{"prompt":"ROMEO: I","max_tokens":0,"echo":true,"logprobs":0""";
        Task<string> Logs(string lora) => PostAsync("/v1/completions", $"{Echo}{lora}}}").ContinueWith(
            answer => answer.Result["choices"]![0]!["logprobs"]!["token_logprobs"]!.ToJsonString(), TaskScheduler.Default);
        Assert.NotEqual(await Logs(""), await Logs(""","lora":[{"id":0}]"""));
    }

    [Fact]
    public async Task The_adapters_of_requests_that_name_none_are_listed_and_set()
    {
        Assert.Equal("""[{"id":0,"path":"a0","scale":0},{"id":1,"path":"a1","scale":0}]""", await _client!.GetStringAsync("/lora-adapters"));
        string plain = await TextAsync(""), half = await TextAsync(""", "lora":[{"id":1,"scale":0.5}]""");
        Assert.True((bool)(await PostAsync("/lora-adapters", """[{"id":1,"scale":0.5}]"""))["success"]!);
        Assert.Equal("""[{"id":0,"path":"a0","scale":0},{"id":1,"path":"a1","scale":0.5}]""", await _client!.GetStringAsync("/lora-adapters"));
        Assert.Equal(half, await TextAsync(""));
        Assert.Equal(plain, await TextAsync(""", "lora":[]"""));
        await PostAsync("/lora-adapters", "[]");
        Assert.Equal(plain, await TextAsync(""));
    }

    [Theory]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"id":2,"scale":1}]}""", "lora[0].id")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"id":-1}]}""", "lora[0].id")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"name":"../a0.gguf"}]}""", "lora[0].name")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"scale":1}]}""", "lora[0].id")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"id":0},{"name":"a0"}]}""", "lora")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"id":0,"scale":"1"}]}""", "lora[0].scale")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":"a0"}""", "lora")]
    [InlineData("/lora-adapters", """[{"id":5,"scale":1}]""", "body[0].id")]
    [InlineData("/lora-adapters", """{"id":0,"scale":1}""", "body")]
    public async Task Adapters_that_there_are_not_are_refused_by_name(string path, string body, string parameter)
    {
        using StringContent json = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _client!.PostAsync(path, json);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(parameter, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["param"]);
    }

    [Theory]
    [InlineData("/v1/completions", """{"prompt":"a","stream":true,"lora":[{"name":"a0"},{"name":"damaged"}]}""", "lora[1]")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"stream":true,"lora":[{"name":"damaged"}]}""", "lora[0]")]
    [InlineData("/v1/responses", """{"input":"a","lora":[{"name":"foreign"}]}""", "lora[0]")]
    [InlineData("/v1/completions", """{"prompt":"a","lora":[{"name":"a1"}]}""", "lora[0]")]
    [InlineData("/lora-adapters", """[{"id":0},{"id":2}]""", "body[1]")]
    public async Task An_adapter_of_no_use_is_told_with_its_problem_and_no_path_and_the_others_work(string path, string body, string parameter)
    {
        byte[] whole = await File.ReadAllBytesAsync(Path.Combine(_folder.FullName, "a0.gguf"));
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, "damaged.gguf"), whole[..(whole.Length / 2)]);
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "empty.gguf"), "");
        File.Copy(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki", "model.gguf"), Path.Combine(_folder.FullName, "foreign.gguf"));
        // Two of one name.
        new LoraWriter(_model.Config, BlockFormat.Of(GgmlType.F32)).WritePeft(
            SyntheticAdapter.Create(_model.Config, 4, 5, "x"), Path.Combine(_folder.FullName, "a1"), "base");
        using StringContent json = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _client!.PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync();
        JsonNode error = JsonNode.Parse(text)!["error"]!;
        Assert.Equal((422, "adapter_unusable", parameter), ((int)response.StatusCode, (string?)error["code"], (string?)error["param"]));
        Assert.DoesNotContain(_folder.FullName, text, StringComparison.Ordinal);
        Assert.Equal(5, JsonNode.Parse(await _client.GetStringAsync("/lora-adapters"))!.AsArray().Count);
        Assert.NotEqual(await TextAsync(""), await TextAsync(""", "lora":[{"name":"a0","scale":0.5}]"""));
    }

    private async Task<string> TextAsync(string fields) =>
        (string)(await PostAsync("/v1/completions", $$"""{"prompt":"ROMEO:","max_tokens":16,"temperature":0{{fields}}}"""))["choices"]![0]!["text"]!;

    private async Task<JsonNode> PostAsync(string path, string body)
    {
        using StringContent json = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _client!.PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
