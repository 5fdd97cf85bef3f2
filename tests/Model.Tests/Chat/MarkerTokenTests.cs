using MeKi.Model.Grammars;
using MeKi.Model.Replies;
using MeKi.Model.Tests.Tokenization;
using MeKi.Model.Tokenization;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Tests.Chat;

public sealed class MarkerTokenTests
{
    private const string Marker = "[TOOL_CALLS]";

    private static readonly ReplyFormat s_mistral = ReplyFormat.FromTemplate(Marker);

    private static readonly BytePairTokenizer s_tokenizer = new(TinyTokenizer.Data with
    {
        Tokens = [.. TinyTokenizer.Data.Tokens.Select((text, id) => id == TinyTokenizer.Tool ? Marker : text)],
        Kinds = [.. TinyTokenizer.Data.Kinds.Select((kind, id) => id == TinyTokenizer.Tool ? TokenKind.Control : kind)],
    });

    [Fact]
    public void A_control_token_that_begins_calls_is_seen_in_the_reply_and_no_other()
    {
        Dictionary<int, string> shown = s_mistral.ControlTokens(s_tokenizer);
        Assert.Equal(KeyValuePair.Create(TinyTokenizer.Tool, Marker), Assert.Single(shown));
        Assert.Empty(ReplyFormat.Plain.ControlTokens(s_tokenizer));
        Assert.Equal("", s_tokenizer.CreateDecoder().Append(TinyTokenizer.Tool).ToString());
        Assert.Equal(Marker, s_tokenizer.CreateDecoder().Showing(shown).Append(TinyTokenizer.Tool).ToString());
    }

    [Fact]
    public void A_grammar_asks_for_the_control_token()
    {
        Grammar grammar = Grammar.ForToolCalls(s_mistral, [new Tool()], ChatToolMode.RequireAny);
        Assert.False(Allows(grammar.Start(s_tokenizer)));
        Assert.True(Allows(grammar.Start(s_tokenizer, s_mistral.ControlTokens(s_tokenizer))));
    }

    private static bool Allows(TokenConstraint constraint)
    {
        ulong[] mask = new ulong[constraint.Words];
        constraint.Mask(mask);
        return (mask[TinyTokenizer.Tool / 64] >> (TinyTokenizer.Tool % 64) & 1) != 0;
    }

    private sealed class Tool : AIFunctionDeclaration
    {
        public override string Name => "tool";
    }
}
