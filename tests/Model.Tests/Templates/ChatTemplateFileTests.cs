using System.Text.Json.Nodes;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Templates;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Templates;

/// <summary>Where a model's chat template comes from, and that conversion and quantisation keep it.</summary>
public sealed class ChatTemplateFileTests : IDisposable
{
    private const string Main = "{{ bos_token }}M{{ messages|length }}{{ eos_token }}", Other = "T{{ tools|length }}{{ bos_token }}";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_chat_template_jinja_goes_before_tokenizer_config_json()
    {
        Config(("chat_template", Main), ("bos_token", "<s>"), ("eos_token", new JsonObject { ["content"] = "</s>" }));
        Assert.Equal("<s>M0</s>", Render());
        File.WriteAllText(_folder["chat_template.jinja"], "J{{ eos_token }}");
        Assert.Equal("J</s>", Render());
        Directory.CreateDirectory(_folder["additional_chat_templates"]);
        File.WriteAllText(_folder["additional_chat_templates/rag.jinja"], Other);
        Assert.Equal("T0<s>", ChatTemplate.Load(_folder[""]).Variants["rag"].Render(new() { Messages = [], Tools = [] }));
    }

    [Fact]
    public void Of_a_list_of_templates_the_one_for_tools_is_taken_where_tools_are_given()
    {
        Config(("chat_template", new JsonArray(Named("default", Main), Named("tool_use", Other))), ("bos_token", "<s>"));
        Assert.Equal("<s>M0", Render());
        Assert.Equal("T1<s>", ChatTemplate.Load(_folder[""]).Render(new() { Messages = [], Tools = [new JsonObject()] }));
    }

    [Fact]
    public void A_template_in_chat_template_json_is_taken_where_there_is_no_other()
    {
        File.WriteAllText(_folder["chat_template.json"], new JsonObject { ["chat_template"] = "P" }.ToJsonString());
        Assert.Equal("P", Render());
        Config(("chat_template", "C"));
        Assert.Equal("C", Render());
    }

    [Fact]
    public void Without_a_template_ChatML_takes_its_place_with_a_warning()
    {
        ChatTemplate template = ChatTemplate.Load(_folder[""]);
        Assert.Equal("<|im_start|>assistant\n", template.Render(new() { Messages = [] }));
        Assert.Contains("there is no chat template: ChatML", Assert.Single(template.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"chat_template\": \"{% if %}\"}", "chat template 'default', line 1")]
    [InlineData("{\"chat_template\": 5}", "tokenizer_config.json: is neither a text nor a list")]
    [InlineData("{\"chat_template\": [{\"name\": \"default\"}]}", "tokenizer_config.json: has no field 'template'")]
    public void A_template_that_cannot_be_read_is_a_warning_and_ChatML_takes_its_place(string config, string problem)
    {
        File.WriteAllText(_folder["tokenizer_config.json"], config);
        ChatTemplate template = ChatTemplate.Load(_folder[""]);
        Assert.Equal("<|im_start|>assistant\n", template.Render(new() { Messages = [] }));
        Assert.StartsWith(problem, template.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("ChatML", template.Warnings[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoints_templates_and_tokens_stay_through_conversion_and_quantisation()
    {
        string checkpoint = new TinyCheckpoint().Write(_folder["c"]);
        File.WriteAllText(Path.Combine(checkpoint, "chat_template.jinja"), "{{ bos_token }}M{{ eos_token }}{{ image_token }}");
        Config(checkpoint, ("chat_template", new JsonArray(Named("tool_use", Other), Named("my-rag", "R"))), ("bos_token", "!"), ("eos_token", "\""),
            ("extra_special_tokens", new JsonObject { ["image_token"] = "<image>" }));
        Converter.Convert(checkpoint, _folder["m"], new() { WeightType = WeightRecipe.Of(GgmlType.F16) });
        Quantizer.Quantize(_folder["m"], _folder["q"], WeightRecipe.Of(GgmlType.Q4_0));
        foreach (string model in (string[])[checkpoint, _folder["m"], _folder["q"]])
        {
            ChatTemplate template = ChatTemplate.Load(model);
            Assert.Equal("!M\"<image>", template.Render(new() { Messages = [] }));
            Assert.Equal("T0!", template.Render(new() { Messages = [], Tools = [] }));
            Assert.Empty(template.Warnings);
            using MeKiModel loaded = MeKiModel.Load(model);
            Assert.Equal(template.Source, loaded.ChatTemplate.Source);
            Assert.Empty(loaded.LoadReport.Warnings);
        }
        Assert.Equal("R", ChatTemplate.Load(_folder["q"]).Variants["my_rag"].Source);
        using GgufFile file = GgufFile.Open(_folder["q/model.gguf"]);
        Assert.Equal(["tool_use", "my_rag"], file.Metadata.Get<string[]>("tokenizer.chat_templates"));
    }

    [Fact]
    public void A_gguf_with_the_standard_keys_gives_its_tokens_and_its_named_templates()
    {
        GgufMetadata metadata = new("m.gguf")
        {
            ["tokenizer.chat_template.tool_use"] = Other,
            ["tokenizer.chat_template"] = Main + "{{ pad_token is defined }}",
            ["tokenizer.ggml.tokens"] = new[] { "<s>", "</s>", "x" },
            ["tokenizer.ggml.bos_token_id"] = 0u,
            ["tokenizer.ggml.eos_token_id"] = 1u,
            ["tokenizer.ggml.padding_token_id"] = 9u,
        };
        using (FileStream stream = File.Create(_folder["m.gguf"]))
            new GgufWriter(metadata, []).WriteTo(stream, default);
        ChatTemplate template = ChatTemplate.Load(_folder["m.gguf"]);
        Assert.Equal("<s>M0</s>False", template.Render(new() { Messages = [] }));
        Assert.Equal("T0<s>", template.Render(new() { Messages = [], Tools = [] }));
    }

    [Fact]
    public void A_model_without_a_template_says_so_to_whoever_chats_and_a_broken_one_to_whoever_loads()
    {
        string checkpoint = new TinyCheckpoint().Write(_folder["c"]);
        using (MeKiModel model = MeKiModel.Load(checkpoint))
        {
            Assert.Empty(model.LoadReport.Warnings);
            Assert.Contains("ChatML", Assert.Single(model.ChatTemplate.Warnings), StringComparison.Ordinal);
        }
        File.WriteAllText(Path.Combine(checkpoint, "chat_template.jinja"), "{{ broken");
        using MeKiModel broken = MeKiModel.Load(checkpoint);
        Assert.StartsWith("chat template 'default', line 1", broken.LoadReport.Warnings[0], StringComparison.Ordinal);
        Assert.Equal(broken.ChatTemplate.Warnings, broken.LoadReport.Warnings);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.Throws<ModelFileException>(() => ChatTemplate.Load(_folder["nothing.jinja"]));

    private static JsonObject Named(string name, string template) => new() { ["name"] = name, ["template"] = template };

    private static void Config(string folder, params (string Key, JsonNode Value)[] fields) => File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"),
        new JsonObject(fields.Select(field => KeyValuePair.Create<string, JsonNode?>(field.Key, field.Value))).ToJsonString());

    private void Config(params (string Key, JsonNode Value)[] fields) => Config(_folder[""], fields);

    private string Render() => ChatTemplate.Load(_folder[""]).Render(new() { Messages = [] });
}
