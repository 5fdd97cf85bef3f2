using System.Globalization;
using System.Text.Json.Nodes;
using MeKi.Model.Templates;

namespace MeKi.Model.Tests.Templates;

public sealed class ChatTemplateTests
{
    private static readonly JsonArray Hello = [new JsonObject { ["role"] = "user", ["content"] = "Hello!" }];

    [Fact]
    public void An_error_names_the_line_and_the_problem()
    {
        ChatTemplateException exception = Assert.Throws<ChatTemplateException>(() => Render("a\n{% if true %}\n{{ messages + 1 }}{% endif %}"));
        Assert.Equal((3, "can only concatenate list (not \"int\") to list", null), (exception.Line, exception.Problem, exception.RaisedMessage));
        Assert.Equal("chat template, line 3: can only concatenate list (not \"int\") to list.", exception.Message);
    }

    [Fact]
    public void What_the_template_raises_is_told_as_it_is()
    {
        string said = "No,\nnot \"this\" " + new string('!', 1000);
        ChatTemplateException exception = Assert.Throws<ChatTemplateException>(
            () => ChatTemplate.Parse("\n{{ raise_exception(said) }}").Render(new() { Messages = [], Variables = new() { ["said"] = said } }));
        Assert.Equal((2, said), (exception.Line, exception.RaisedMessage));
        Assert.DoesNotContain("\n", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% if x %}\n\n{{ y }", 3)]
    [InlineData("{{ 1 }}\n{% for %}", 2)]
    [InlineData("\n\n{% endfor %}", 3)]
    [InlineData("{{ 'a' ~\n'b' ~ | }}", 2)]
    [InlineData("{{ x|no_such_filter }}", 1)]
    [InlineData("{{ x is no_such_test }}", 1)]
    [InlineData("{# no end", 1)]
    public void A_text_that_is_no_template_is_refused_with_its_line(string source, int line) =>
        Assert.Equal(line, Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(source)).Line);

    [Fact]
    public void An_empty_conversation_is_rendered_or_is_the_templates_error()
    {
        Assert.Equal("<|im_start|>assistant\n", ChatTemplate.ChatMl.Render(new() { Messages = [] }));
        ChatTemplateException exception = Assert.Throws<ChatTemplateException>(
            () => ChatTemplate.Parse("{{ messages[0]['role'] }}").Render(new() { Messages = [] }));
        Assert.Equal("list object has no element 0", exception.Problem);
    }

    [Fact]
    public void ChatML_knows_texts_and_parts_and_every_role()
    {
        JsonArray messages =
        [
            new JsonObject { ["role"] = "system", ["content"] = "Be brief." },
            new JsonObject { ["role"] = "assistant", ["content"] = null },
            new JsonObject { ["role"] = "user", ["content"] = new JsonArray(Part("text", "a"), Part("image", null), Part("text", "b")) },
        ];
        Assert.Equal("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nab<|im_end|>\n",
            ChatTemplate.ChatMl.Render(new() { Messages = messages, AddGenerationPrompt = false }));

        static JsonObject Part(string type, string? text) => text is null ? new() { ["type"] = type } : new() { ["type"] = type, [type] = text };
    }

    [Fact]
    public void Half_of_a_surrogate_pair_passes_as_in_Python()
    {
        // An attribute could not hold them.
        (string Json, string Expected)[] texts =
        [
            ("\"\\ud83d\"", "\ud83d"), ("\"a\\ude00\\n\\u0041\\\\b\"", "a\ude00\nA\\b"), ("\"\\ud83d\\ude00\"", "\ud83d\ude00"),
        ];
        foreach ((string json, string expected) in texts)
        {
            JsonArray messages = (JsonArray)JsonNode.Parse($"[{json}]")!;
            Assert.Equal(expected, ChatTemplate.Parse("{{ messages[0] }}").Render(new() { Messages = messages }));
            Assert.Equal(expected, ChatTemplate.Parse("{{ messages[0] }}").Render(new() { Messages = [expected] }));
        }
    }

    [Theory]
    [InlineData("1", "1 int")]
    [InlineData("1.0", "1.0 float")]
    [InlineData("1e2", "100.0 float")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890 int")]
    [InlineData("-0.0", "-0.0 float")]
    [InlineData("null", "None none")]
    [InlineData("true", "True bool")]
    [InlineData("{\"a\": 1, \"b\": 2, \"a\": [3]}", "{'a': [3], 'b': 2} dict")]
    [InlineData("{\"a\": 1, \"b\": 2, \"c\": [{}]}", "{'a': 1, 'b': 2, 'c': [{}]} dict")]
    public void A_value_of_JSON_is_what_Python_reads(string json, string expected)
    {
        const string Type = "{{ v }} {{ 'none' if v is none else 'bool' if v is boolean else 'int' if v is integer else 'float' if v is float else 'dict' }}";
        Assert.Equal(expected, ChatTemplate.Parse(Type).Render(new() { Messages = [], Variables = new() { ["v"] = JsonNode.Parse(json) } }));
    }

    [Fact]
    public void Values_that_a_program_makes_are_those_of_its_JSON() => Assert.Equal("1 2 3.5 0.1 True x a",
        ChatTemplate.Parse("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ g }}").Render(new()
        {
            Messages = [],
            Variables = new() { ["a"] = 1, ["b"] = 2L, ["c"] = 3.5, ["d"] = 0.1m, ["e"] = true, ["f"] = 'x', ["g"] = JsonValue.Create("a") },
        }));

    [Fact]
    public void Variables_of_the_call_hide_functions_and_are_hidden_by_the_conversation() => Assert.Equal("mine 1 none",
        ChatTemplate.Parse("{{ range }} {{ messages|length }} {{ 'none' if tools is none }}").Render(new()
        {
            Messages = (JsonArray)Hello.DeepClone(),
            Variables = new() { ["range"] = "mine", ["messages"] = "not these", ["tools"] = "nor these" },
        }));

    [Fact]
    public void Documents_may_be_a_variable() => Assert.Equal("1",
        ChatTemplate.Parse("{{ documents|length }}").Render(new() { Messages = [], Variables = new() { ["documents"] = new JsonArray("a") } }));

    [Fact]
    public void The_date_is_the_clocks_in_its_zone()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ strftime_now('%d %b %Y %H:%M') }}");
        Assert.Equal("14 Mar 2026 15:09", template.Render(new() { Messages = [], Clock = new FixedClock(new(2026, 3, 14, 15, 9, 26)) }));
        Assert.Equal(TimeProvider.System.GetLocalNow().Year.ToString(CultureInfo.InvariantCulture), Render("{{ strftime_now('%Y') }}"));
    }

    [Fact]
    public void Methods_that_change_a_list_or_a_dictionary_change_it_for_this_rendering_only()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% set _ = messages.append(1) %}{% set d = {} %}{% do d.update(a=1) %}{{ messages|length }}{{ d }}{{ d.pop('a') }}");
        JsonArray messages = (JsonArray)Hello.DeepClone();
        Assert.Equal("2{'a': 1}1", template.Render(new() { Messages = messages }));
        Assert.Equal("2{'a': 1}1", template.Render(new() { Messages = messages }));
        Assert.Single(messages);
        // Asked for and not called they are not there, as in transformers' sandbox.
        Assert.Equal("False", Render("{{ messages.append is defined }}"));
    }

    [Fact]
    public void A_chat_of_a_thousand_turns_is_rendered()
    {
        JsonArray messages = [];
        for (int i = 0; i < 1000; i++)
        {
            messages.Add(new JsonObject { ["role"] = "user", ["content"] = $"question {i} {new string('x', 500)}" });
            messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = $"answer {i}" });
        }
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{% if m.role != 'user' or loop.index0 % 2 == 0 %}"
            + "<{{ m['role'] | upper }}>{{ m.content | trim + '\n' }}{% set ns = namespace(last=-1) %}"
            + "{% for o in messages[::-1][:5] %}{% set ns.last = loop.index0 %}{% endfor %}{% endif %}{% endfor %}");
        string text = template.Render(new() { Messages = messages });
        Assert.StartsWith("<USER>question 0 xxx", text, StringComparison.Ordinal);
        Assert.EndsWith("<ASSISTANT>answer 999\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ns.out + m.content")]
    [InlineData("ns.out ~ m.content")]
    public void A_conversation_may_be_gathered_in_one_variable(string appended)
    {
        string part = new('x', 1000);
        JsonArray messages = [.. Enumerable.Range(0, 2000).Select(_ => new JsonObject { ["content"] = part })];
        string text = ChatTemplate.Parse("{% set ns = namespace(out='') %}{% for m in messages %}{% set ns.out = " + appended + " %}"
            + "{% if loop.index == 10 %}{% set kept = ns.out %}{% set other = kept ~ 'y' %}{{ other|length }} {{ kept|length }} {% endif %}{% endfor %}"
            + "{{ ns.out|length }} {{ ns.out[-3:] }}").Render(new() { Messages = messages });
        Assert.Equal("10001 10000 2000000 xxx", text);
    }

    [Fact]
    public void Many_threads_render_with_one_template()
    {
        ChatTemplate template = ChatTemplate.Parse("{% set ns = namespace(n=0) %}{% macro m(x) %}{{ 'ä😀b'[1] }}{{ x }}{% endmacro %}"
            + "{% for i in range(50) %}{% set ns.n = ns.n + i %}{{ m(i) }}{% endfor %}{{ ns.n }}{{ who }}");
        string[] rendered = new string[64];
        Parallel.For(0, rendered.Length, i => rendered[i] = template.Render(new() { Messages = [], Variables = new() { ["who"] = i } }));
        Assert.All(rendered, (text, i) => Assert.Equal(rendered[0][..^1] + i, text));
    }

    private static string Render(string template) => ChatTemplate.Parse(template).Render(new() { Messages = (JsonArray)Hello.DeepClone() });
}
