using System.Buffers;
using System.Text;
using MeKi.Model.Grammars;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Replies;
using Microsoft.Extensions.AI;

namespace MeKi.Tests.Grammars;

/// <summary>Masks of a vocabulary that is large enough for classes of characters, beside the tokens one by one.</summary>
public class MaskTests
{
    // What may end a text, a name or a value: what a token has behind it is looked ahead at without the text.
    private static readonly SearchValues<char> s_ends = SearchValues.Create("\"<>:|=,}]) \n");

    private static readonly TokenVocabulary s_vocabulary = Make();

    public static TheoryData<string, string> Grammars { get; } = new()
    {
        { "schema", """{ "type": "string" }""" },
        { "schema", """{ "type": "string", "minLength": 3, "maxLength": 9 }""" },
        { "schema", """{ "type": "string", "pattern": "^(\\w+ ){1,4}[0-9é]*$" }""" },
        { "schema", """{ "type": "object", "properties": { "name": { "enum": ["Lyon", "Leeds", 4] }, "note": {} }, "required": ["name"] }""" },
        { "rules", "root ::= (word \" \"){2,5} \"é\"\nword ::= [a-zé]+ | \"(\" root \")\"" },
        { "calls", "<function= <parameter= <think>" },
        { "calls", "<|tool_call> <|channel>" },
        { "calls", "<arg_key> <think>" },
        { "calls", "<tool_call>" },
        { "calls", "｜DSML｜ <think>" },
    };

    [Theory]
    [MemberData(nameof(Grammars))]
    public void A_mask_has_the_tokens_after_which_the_text_can_be_completed_in_time(string kind, string text)
    {
        Grammar grammar = kind switch
        {
            "schema" => Grammar.FromJsonSchema(text),
            "rules" => Grammar.FromGbnf(text),
            _ => Grammar.ForToolCalls(ReplyFormat.FromTemplate(text), [Tool()], ChatToolMode.Auto),
        };
        foreach ((int seed, int budget) in new[] { (0, 400), (1, 40), (2, 9) })
        {
            TokenConstraint constraint = grammar.Start(s_vocabulary);
            ulong[] mask = new ulong[constraint.Words];
            Random random = new(seed);
            for (int left = budget; left > budget - 8 && !constraint.HasEnded; left--)
            {
                constraint.Mask(mask, left);
                int next = Check(constraint, mask, left, random);
                if (next < 0 || !constraint.Accept(next))
                    break;
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("a</")]
    [InlineData("日</｜DSML")]
    [InlineData("</｜DSML｜parameter")]
    [InlineData("</｜", 1)]
    [InlineData("</｜", 2)]
    [InlineData("</｜DSML｜", 1)]
    public void A_mask_knows_a_marker_that_ends_within_a_character(string begun, int cut = 0)
    {
        Grammar grammar = Grammar.ForToolCalls(ReplyFormat.FromTemplate("｜DSML｜"), [Tool()], ChatToolMode.RequireAny);
        foreach (string name in (string[])["city", "short", "either"])
        {
            TokenConstraint constraint = grammar.Start(s_vocabulary);
            ulong[] mask = new ulong[constraint.Words];
            string text = $"<｜DSML｜tool_calls><｜DSML｜invoke name=\"find\"><｜DSML｜parameter name=\"{name}\" string=\"true\">{begun}";
            byte[] bytes = Encoding.UTF8.GetBytes(text)[..^cut];
            int refused = Array.FindIndex(bytes, value => !constraint.Accept(value));
            if (refused >= 0)
            {
                // A text of six characters, or one of a few, does not go so far.
                Assert.NotEqual("city", name);
                continue;
            }
            constraint.Mask(mask, 400);
            Assert.True(Check(constraint, mask, 400, new Random(5)) >= 0);
        }
    }

    // Gives a token to go on with.
    private static int Check(TokenConstraint constraint, ulong[] mask, int left, Random random)
    {
        List<int> allowed = [], sure = [];
        bool isLate = false;
        for (int token = 0; token < s_vocabulary.Count - 1; token++)
        {
            bool isAllowed = (mask[token >> 6] >> token & 1) == 1;
            TokenConstraint fork = constraint.Fork();
            bool isAccepted = fork.Accept(token), isInTime = isAccepted && fork.Rest < left;
            string text = Encoding.UTF8.GetString(s_vocabulary.Bytes(token));
            Assert.True(isAccepted || !isAllowed, $"'{text}' is allowed and not accepted");
            isLate |= isAllowed && !isInTime;
            if (isInTime && text.AsSpan().IndexOfAny(s_ends) < 0)
                sure.Add(token);
            if (isAllowed)
                allowed.Add(token);
        }
        // Where nothing is in time, what is soonest stays.
        Assert.All(sure, token => Assert.True((mask[token >> 6] >> token & 1) == 1, $"'{Encoding.UTF8.GetString(s_vocabulary.Bytes(token))}' is left out"));
        Assert.True(!isLate || sure.Count == 0);
        return allowed.Count == 0 ? -1 : allowed[random.Next(allowed.Count)];
    }

    private static AIFunctionDeclaration Tool()
    {
        using System.Text.Json.JsonDocument schema = System.Text.Json.JsonDocument.Parse("""
            { "type": "object", "properties": { "city": { "type": "string" }, "short": { "type": "string", "maxLength": 6 }, "unit": { "enum": ["c", "f"] },
              "either": { "anyOf": [{ "type": "string" }, { "enum": ["all", "none"] }] }, "list": { "type": "array", "items": { "type": "string" } } } }
            """);
        return AIFunctionFactory.CreateDeclaration("find", null, schema.RootElement.Clone());
    }

    private static TokenVocabulary Make()
    {
        string[] pieces =
        [
            "a", "b", "e", "n", "t", "o", "é", "日", "😀", "1", "0", " ", "\n", "\"", "\\", "<", ">", "/", "|", "{", ":", "\\u00", "\r", "_", "Ly", "pa",
        ];
        Random random = new(1);
        HashSet<string> texts = ["<tool_call>", "</tool_call>", "<|tool_call>", "<|\"|>", "<function=", "find", "</parameter>", "<parameter=", "</arg", "city",
            "<｜DSML｜", "</｜DSML｜", "</｝", "｝", "｜", "parameter>", "\" string=\""];
        while (texts.Count < 9_000)
            texts.Add(string.Concat(Enumerable.Range(0, random.Next(2, 7)).Select(_ => pieces[random.Next(pieces.Length)])));
        byte[][] bytes = [.. Enumerable.Range(0, 256).Select(static value => new[] { (byte)value }), .. texts.Order(StringComparer.Ordinal)
            .Select(Encoding.UTF8.GetBytes), [0xF0, 0x9F], [0x98, 0x80, (byte)'a'], []];
        return new([.. bytes.Select(static text => (ReadOnlyMemory<byte>)text)], [bytes.Length - 1]);
    }
}
