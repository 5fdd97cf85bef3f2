using System.Text.Json;
using MeKi.Model.Replies;
using MeKi.Tests;

namespace MeKi.Model.Tests.Replies;

public sealed class ReplyFormatTests
{
    private const string Folder = "templates";

    [SharedTheory(Folder)]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "command-r")]
    [InlineData("GLM-4.6", "glm")]
    [InlineData("HuggingFaceTB-SmolLM3-3B", "plain")]
    [InlineData("LFM2-8B-A1B", "lfm2")]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "mistral")]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes")]
    [InlineData("Qwen-QwQ-32B", "hermes")]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "hermes")]
    [InlineData("Qwen-Qwen3-0.6B", "hermes")]
    [InlineData("Qwen3.5-4B", "qwen-coder")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek")]
    [InlineData("deepseek-ai-DeepSeek-V3.1", "deepseek")]
    [InlineData("google-gemma-2-2b-it", "plain")]
    [InlineData("google-gemma-4-31B-it", "gemma-4")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", "granite")]
    [InlineData("ibm-granite-granite-4.0", "hermes")]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "llama-3")]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", "llama-3")]
    [InlineData("microsoft-Phi-3.5-mini-instruct", "plain")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "mistral")]
    [InlineData("openai-gpt-oss-120b", "gpt-oss")]
    [InlineData("openbmb-MiniCPM5-1B", "minicpm")]
    public void A_template_tells_the_family(string template, string family) => Assert.Equal(family, Format(template).Name);

    [SharedTheory(Folder)]
    [InlineData("GLM-4.6")]
    [InlineData("HuggingFaceTB-SmolLM3-3B")]
    [InlineData("Qwen-QwQ-32B")]
    [InlineData("Qwen-Qwen3-0.6B")]
    [InlineData("Qwen3.5-4B")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B")]
    [InlineData("deepseek-ai-DeepSeek-V3.1")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct")]
    [InlineData("openbmb-MiniCPM5-1B")]
    public void Models_that_think_aloud_do_so_in_their_template(string template) =>
        Assert.Equal(["R a", "T b"], ReplyParserTests.Parse(Format(template), "", ["<think>a</think>b"]));

    /// <summary>What the template makes of an assistant's call is what its model writes.</summary>
    [SharedTheory(Folder)]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "<|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>")]
    [InlineData("GLM-4.6", "<|assistant|>", "<|observation|>")]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "[/INST]", "</s>")]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "<|im_start|>assistant\n", "<|im_end|>")]
    [InlineData("Qwen-QwQ-32B", "<|im_start|>assistant\n", "<|im_end|>")]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "<|im_start|>assistant\n", "<|im_end|>")]
    [InlineData("Qwen-Qwen3-0.6B", "<|im_start|>assistant\n", "<|im_end|>")]
    [InlineData("Qwen3.5-4B", "<|im_start|>assistant\n", "<|im_end|>")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")]
    [InlineData("deepseek-ai-DeepSeek-V3.1", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")]
    [InlineData("google-gemma-4-31B-it", "<|turn>model\n", "<|tool_response>")]
    [InlineData("ibm-granite-granite-4.0", "<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>")]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "<|start_header_id|>assistant<|end_header_id|>", "<|eot_id|>")]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", "<|start_header_id|>assistant<|end_header_id|>", "<|eot_id|>")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "[/INST]", "</s>")]
    [InlineData("openai-gpt-oss-120b", "<|start|>assistant", "<|start|>functions")]
    [InlineData("openbmb-MiniCPM5-1B", "<|im_start|>assistant\n", "<|im_end|>")]
    public void What_a_template_writes_is_read_back(string template, string begin, string end)
    {
        ReplyFormat format = Format(template);
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllText(SharedMaterial.Path($"{Folder}/{template}.json")));
        int calls = 0;
        foreach (JsonElement each in cases.RootElement.GetProperty("cases").EnumerateArray())
        {
            if (!each.TryGetProperty("expected", out JsonElement expected))
                continue;
            foreach (JsonElement message in each.GetProperty("messages").EnumerateArray())
            {
                if (!message.TryGetProperty("tool_calls", out JsonElement asked) || asked.ValueKind != JsonValueKind.Array || asked.GetArrayLength() != 1)
                    continue;
                JsonElement function = asked[0].GetProperty("function");
                string name = function.GetProperty("name").GetString()!, text = expected.GetString()!;
                // The turn that names the tool: behind the list of tools, before its answer.
                string[] turns = [.. text.Split(begin)[1..].Select(turn => turn.Split(end)[0]).Where(turn => turn.Contains(name, StringComparison.Ordinal))];
                if (turns.Length == 0 || function.GetProperty("arguments").ValueKind != JsonValueKind.Object)
                    continue;
                string[] events = ReplyParserTests.Parse(format, "", [turns[0]]);
                string call = Assert.Single(events, one => one.StartsWith('C'));
                string arguments = call[call.IndexOf('{', StringComparison.Ordinal)..];
                Assert.True(JsonElement.DeepEquals(function.GetProperty("arguments"), JsonDocument.Parse(arguments).RootElement), $"{turns[0]} gave {call}");
                Assert.Contains(name, call, StringComparison.Ordinal);
                Assert.DoesNotContain(events, one => one.StartsWith('T') && one.Contains(name, StringComparison.Ordinal));
                calls++;
            }
        }
        Assert.True(calls > 0);
    }

    [Theory]
    [InlineData("<think>", "<|im_start|>assistant\n<think>\n", true)]
    [InlineData("<think>", "<|im_start|>assistant\n<think>\n\n</think>\n\n", false)]
    [InlineData("<think>", "<|im_start|>assistant\n", false)]
    [InlineData("<|channel>", "<|turn>model\n<|channel>thought\n<channel|>", false)]
    [InlineData("no markers", "<think>", false)]
    public void A_prompt_may_end_within_reasoning(string template, string prompt, bool opens) =>
        Assert.Equal(opens, ReplyFormat.FromTemplate(template).OpensReasoning(prompt));

    private static ReplyFormat Format(string template) => ReplyFormat.FromTemplate(File.ReadAllText(SharedMaterial.Path($"{Folder}/{template}.jinja")));
}
