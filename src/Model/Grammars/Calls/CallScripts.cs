using System.Text;
using System.Text.Json;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Schemas.Shapes;
using MeKi.Model.Replies;

namespace MeKi.Model.Grammars.Calls;

/// <summary>Which calls a reply may have.</summary>
/// <param name="IsAllowed">Whether any.</param>
/// <param name="IsRequired">Whether one at least.</param>
/// <param name="AreMany">Whether more than one.</param>
/// <param name="IsThinking">Whether the reply begins within reasoning.</param>
internal sealed record CallRules(bool IsAllowed, bool IsRequired, bool AreMany, bool IsThinking);

/// <summary>Writes the script of a reply with tool calls as a family's models write them.</summary>
internal sealed class CallScripts
{
    private readonly Script _script;
    private readonly ToolArguments[] _tools;
    private readonly ToolArguments? _form;
    private readonly CallRules _rules;
    private readonly Func<string, int> _tokens;
    private readonly OfferedTools _offered;
    private readonly ScriptNode _end;

    // How many tokens a token of JSON takes in this spelling, at most.
    private int _unit = 1;

    private CallScripts(ToolArguments[] tools, ToolArguments? form, CallRules rules, Func<string, int> tokens)
    {
        (_script, _tools, _form, _rules, _tokens) = (new(tokens), tools, form, rules, tokens);
        _offered = new(tools.ToDictionary(static tool => tool.Tool.Name, static tool => tool.Tool.Schema));
        _end = _script.End();
    }

    /// <summary>Refuses what the family's syntax cannot say.</summary>
    /// <exception cref="GrammarException">A name cannot be written, or the family has no tools.</exception>
    public static void Check(ReplyFormat format, IReadOnlyList<OfferedTool> tools)
    {
        if (format.Calls is null or HarmonyMessages)
            throw new GrammarException("tools", "", $"the model's chat template knows no tool calls that a grammar can ask for ({format.Name})");
        foreach (OfferedTool tool in tools)
        {
            if (!IsName(tool.Name))
                throw Fault(tool, "has a name that models cannot call", "Use letters of ASCII, digits, '_', '-' and '.'");
            if (format.Calls is RecipientMessages && tool.Name == RecipientMessages.Everyone)
                throw Fault(tool, "has the name by which the model begins an answer", "Use another");
            string[] special = format.Calls switch
            {
                GemmaCalls => [GemmaArguments.Quote],
                XmlCalls { TextAttribute: null } xml => [xml.ParameterClose, "<![CDATA["],
                XmlCalls xml => [xml.ParameterClose],
                _ => [],
            };
            if (Array.Find(special, tool.Mentions) is string text)
                throw Fault(tool, $"has {UntrustedText.Quote(text)} in its schema, which ends a text in the model's calls", "Take it out");
            if (format.Calls is XmlCalls or PythonCalls { IsMethod: false }
                && tool.Parameters.FirstOrDefault(static name => !IsName(name)) is string parameter)
            {
                throw Fault(tool, $"has the parameter {UntrustedText.Quote(parameter)}, whose name the model's calls cannot spell",
                    "Use letters of ASCII, digits, '_', '-' and '.'");
            }
        }
    }

    /// <summary>Writes the script.</summary>
    public static TextStart Write(
        ReplyFormat format, IReadOnlyList<OfferedTool> tools, OfferedTool? form, CallRules rules, TokenVocabulary? vocabulary, bool isOffered)
    {
        ToolArguments[] arguments = [.. tools.Select(tool => tool.In(vocabulary, isOffered))];
        ToolArguments? answer = form?.In(vocabulary, isOffered);
        CallScripts writer = new(arguments, answer, rules, vocabulary is null ? Encoding.UTF8.GetByteCount : vocabulary.Tokens);
        return new ScriptStart(writer.Reply(format),
            () => Costs.Add(writer._script.MostRest, Costs.Times(writer._unit, arguments.Append(answer).Max(static tool => tool?.MostCost ?? 0))));
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 256 && name.All(static one => char.IsAsciiLetterOrDigit(one) || one is '_' or '-' or '.');

    private static GrammarException Fault(OfferedTool tool, string problem, string remedy) =>
        new($"tool {UntrustedText.Quote(tool.Name)}", "", problem, remedy);

    private ScriptState Reply(ReplyFormat format)
    {
        // What begins a reply, and what follows reasoning.
        ScriptNode fresh = _script.Any(), free = _script.Any();
        (List<(string Opener, ScriptNode Next)> calls, string[] alone, ScriptNode? bare) = Calls(format.Calls);
        (string, ScriptNode?)[] closes =
        [
            .. format.Reasoning.SelectMany(static marks => marks.Closes).Select(close => (close, (ScriptNode?)fresh)),
            .. format.Reasoning.Any(static marks => marks.HasCalls) ? calls.Select(call => (call.Opener, _rules.IsAllowed ? call.Next : null)) : [],
        ];
        ScriptNode thinking = closes.Length == 0 ? free : _script.Text(closes, isFinal: !_rules.IsRequired && _form is null);
        string[] opens = [.. format.Reasoning.SelectMany(static marks => marks.Opens)];
        string answer = format.Calls is RecipientMessages ? $"{RecipientMessages.Everyone}\n" : "";
        if (_rules.IsRequired || _form is not null)
        {
            foreach ((string opener, ScriptNode next) in _rules.IsAllowed ? calls : [])
                fresh.Free.Add(_script.Spelt(Script.Space + opener, next));
            foreach (string open in opens)
                fresh.Free.Add(_script.Spelt(Script.Space + open, thinking));
            // A call without a marker looks like an answer of a form.
            if (bare is not null && (_form is null || answer.Length > 0) && _rules.IsAllowed)
                fresh.Free.Add(bare);
            if (_form is not null && !_rules.IsRequired)
                fresh.Free.Add(_script.Spelt(answer + Script.Space, Plain(_form, _end)));
        }
        else
        {
            ScriptNode text = _script.Text(
            [
                .. calls.Select(call => (call.Opener, _rules.IsAllowed ? call.Next : null)),
                .. alone.Select(static opener => (opener, (ScriptNode?)null)),
                .. opens.Select(open => (open, (ScriptNode?)thinking)),
            ], isFinal: true);
            free.Free.Add(text);
            // Where a call needs no marker, an answer in JSON must be no call.
            fresh.Free.Add(_script.Literal(answer, format.Calls is null or { StartOpeners: [] } ? text
                : _script.NoJsonWith(["name", "type", "function", "parameters", "arguments", "id"], text)));
            if (bare is not null && _rules.IsAllowed)
                fresh.Free.Add(bare);
        }
        return _script.Begin(_rules.IsThinking ? thinking : fresh);
    }

    /// <summary>The calls by what opens them, what opens calls only within others, and a call that nothing opens.</summary>
    private (List<(string Opener, ScriptNode Next)> Calls, string[] Alone, ScriptNode? Bare) Calls(CallSyntax? syntax)
    {
        switch (syntax)
        {
            case null or HarmonyMessages:
                return ([], [], null);
            case GemmaCalls gemma:
                return ([(gemma.Openers[0], Several(gemma.Openers[0] + "~", $"~{gemma.Closers[0]}", Gemma))], [], null);
            case XmlCalls xml:
                return Xml(xml);
            case MistralCalls { IsNamed: true } mistral:
                return ([(mistral.Openers[0], Several(mistral.Openers[0] + "~", "", next => Named(mistral, next)))], [], null);
            case MarkedCalls marked:
                return ([(marked.Openers[0], Marked(marked))], marked.Openers[1..], null);
            case PythonCalls { IsMethod: true } llama:
                ScriptNode bare = Several("~;~", "", next => Json(llama, next));
                bare = _script.Spelt("~", bare);
                return ([(llama.Openers[0], bare)], [], bare);
            case RecipientMessages recipients:
                ScriptNode message = Several(recipients.Openers[0], "", next => Names(tool => _script.Literal("\n", Plain(tool, next))));
                return ([(recipients.Openers[0], message)], [], message);
            case PythonCalls python:
                return ([(python.Openers[0], _script.Spelt("~[~", List($"~]~{python.Closers[0]}", Python)))], [], null);
            case JsonCalls { IsList: true } json:
                ScriptNode list = List("~]", next => Json(json, next), json.Closers);
                // A word like any other but for the list behind it.
                return ([.. json.Openers.Select(opener =>
                    opener[^1] is '>' or ']' ? (opener, _script.Spelt("~[~", list)) : (opener + "[", _script.Spelt("~", list)))], [], null);
            default:
                JsonCalls hermes = (JsonCalls)syntax;
                ScriptNode first = Several(hermes.Openers[0] + "~", $"~{hermes.Closers[0]}", next => Json(hermes, next));
                return ([(hermes.Openers[0], _script.Spelt("~", first))], [], null);
        }
    }

    /// <summary>Calls one after the other.</summary>
    /// <param name="between">What stands before each but the first.</param>
    /// <param name="behind">What stands behind each.</param>
    /// <param name="call">Writes one.</param>
    private ScriptNode Several(string between, string behind, Func<ScriptNode, ScriptNode> call)
    {
        ScriptNode tail = _script.Any(_end), first = call(_script.Spelt(behind, tail));
        if (_rules.AreMany)
            tail.Free.Add(_script.Spelt("~" + between.TrimStart('~'), first));
        return first;
    }

    // Calls with commas between them, and what ends the list.
    private ScriptNode List(string end, Func<ScriptNode, ScriptNode> call, params string[] closers)
    {
        ScriptNode tail = _script.Any(_script.Spelt(end, _script.Any([.. closers.Select(closer => _script.Spelt("~" + closer, _end)), _end])));
        ScriptNode first = call(tail);
        if (_rules.AreMany)
            tail.Free.Add(_script.Spelt("~,~", first));
        return first;
    }

    private ScriptNode Json(JsonCalls calls, ScriptNode next)
    {
        ScriptNode close = _script.Spelt("~}", next);
        if (calls is MistralCalls)
        {
            // What the model calls the call.
            ScriptNode id = _script.Repeat(9, 9, [('a', 'z'), ('A', 'Z'), ('0', '9')], _script.Spelt("\"~}", next));
            close = _script.Any(close, _script.Spelt("~,~\"id\"~:~\"", id));
        }
        if (calls.IsKeyed)
            return _script.Spelt("{~\"", Names(tool => _script.Spelt("\"~:", Plain(tool, close))));
        ScriptNode name = _script.Spelt($"\"{calls.NameKey}\"~:~\"", Names(tool => _script.Spelt($"\"~,~\"{calls.ArgumentsKey}\"~:", Plain(tool, close))));
        ScriptNode begin = calls is PythonCalls ? _script.Any(name, _script.Spelt("\"type\"~:~\"function\"~,~", name)) : name;
        if (calls.NumberKey is string number)
            begin = _script.Spelt($"\"{number}\"~:~\"", _script.Repeat(1, 3, [('0', '9')], _script.Spelt("\"~,~", begin)));
        return _script.Spelt("{~", begin);
    }

    private ScriptNode Named(MistralCalls calls, ScriptNode next) => Names(tool =>
    {
        ScriptNode arguments = _script.Literal("[ARGS]", Plain(tool, next));
        return calls.HasId ? _script.Any(arguments, _script.Literal("[CALL_ID]", _script.Repeat(9, 9, [('a', 'z'), ('A', 'Z'), ('0', '9')], arguments)))
            : arguments;
    });

    private ScriptNode Marked(MarkedCalls calls)
    {
        ScriptNode tail = _script.Any(_script.Spelt("~" + calls.Closers[1], _end));
        ScriptNode close = _script.Spelt((calls.IsFenced ? "~```" : "") + "~" + calls.Closers[0], tail);
        bool isNumbered = calls.BeforeName.EndsWith('.');
        ScriptNode name = _script.Literal(calls.BeforeName, Names(tool =>
        {
            ScriptNode arguments = Plain(tool, close);
            if (calls.IsFenced)
                return _script.Spelt("~```json", arguments);
            arguments = _script.Literal(calls.Separator, arguments);
            return isNumbered ? _script.Literal(":", _script.Repeat(1, 3, [('0', '9')], arguments)) : arguments;
        }));
        ScriptNode first = _script.Spelt($"~{calls.Openers[1]}", name);
        if (_rules.AreMany)
            tail.Free.Add(first);
        return first;
    }

    private (List<(string, ScriptNode)>, string[], ScriptNode?) Xml(XmlCalls calls)
    {
        // Tags with attributes have their names in quotes.
        string quote = calls.FunctionOpen.EndsWith("name=", StringComparison.Ordinal) ? "\"" : "";
        bool isTyped = calls.TextAttribute is not null;
        string[] nameEnds = isTyped ? [$"\" {calls.TextAttribute}="] : [quote + calls.ParameterNameEnds[0], .. calls.ParameterNameEnds[1..]];
        string[] typeEnds = isTyped ? [$"\"true\"{calls.ParameterNameEnds[0]}", $"\"false\"{calls.ParameterNameEnds[0]}"] : [];
        ParameterTags tags = new(Encoding.UTF8.GetBytes(calls.ParameterOpen + quote), [.. nameEnds.Select(Encoding.UTF8.GetBytes)],
            Encoding.UTF8.GetBytes(calls.ParameterClose), Encoding.UTF8.GetBytes(calls.FunctionClose), [.. typeEnds.Select(Encoding.UTF8.GetBytes)]);
        int tag = 1 + new[] { _tokens(calls.ParameterOpen + quote), nameEnds.Sum(_tokens) + quote.Length + typeEnds.Select(_tokens).DefaultIfEmpty().Max(),
            _tokens(calls.ParameterClose), _tokens(calls.FunctionClose) }.Max();
        bool isInner = calls.Openers[0] != calls.FunctionOpen;
        _unit = 2 * tag;
        ScriptNode first = Several(calls.Openers[0] + (isInner ? $"~{calls.FunctionOpen}{quote}" : quote), isInner ? "~" + calls.Closers[0] : "", next =>
        {
            ScriptNode tail = _script.Any(next);
            ScriptNode name = Names(tool => _script.Literal(quote + calls.FunctionNameEnd, _script.Value(
                after => XmlArguments.Begin(tool.Begin(after), after, tag, tags, parameter => _offered.MayBeText(tool.Tool.Name, parameter)),
                Costs.Times(_unit, tool.Cost), tail)));
            if (isInner && _rules.AreMany)
                tail.Free.Add(_script.Spelt($"~{calls.FunctionOpen}{quote}", name));
            return name;
        });
        ScriptNode begin = isInner ? _script.Spelt($"~{calls.FunctionOpen}{quote}", first) : quote.Length > 0 ? _script.Literal(quote, first) : first;
        return ([(calls.Openers[0], begin)], calls.Openers[1..], null);
    }

    private ScriptNode Gemma(ScriptNode next)
    {
        int tag = _unit = 1 + _tokens(GemmaArguments.Quote);
        return _script.Spelt("~call:", Names(tool =>
        {
            bool isBare = HasPlainNames(tool.Tool.Schema);
            return _script.Value(after => GemmaArguments.Begin(tool.Begin(after), after, tag, isBare), Costs.Times(tag, tool.Cost), next);
        }));
    }

    private ScriptNode Python(ScriptNode next) => Names(tool =>
        _script.Literal("(", _script.Value(after => PythonArguments.Begin(tool.Begin(after), after), tool.Cost, next)));

    private ScriptNode Names(Func<ToolArguments, ScriptNode> behind) => _script.Any(_tools.Select(tool => _script.Literal(tool.Tool.Name, behind(tool))));

    private ScriptNode Plain(ToolArguments tool, ScriptNode next) => _script.Value(tool.Begin, tool.Cost, next);

    // Whether no property at any depth has a name that only quotes can hold.
    private static bool HasPlainNames(JsonElement schema)
    {
        switch (schema.ValueKind)
        {
            case JsonValueKind.Array:
                return schema.EnumerateArray().All(HasPlainNames);
            case JsonValueKind.Object:
                foreach (JsonProperty property in schema.EnumerateObject())
                {
                    bool isPlain = property.Name switch
                    {
                        "properties" when property.Value.ValueKind == JsonValueKind.Object =>
                            property.Value.EnumerateObject().All(static one => IsName(one.Name)),
                        "patternProperties" or "propertyNames" => false,
                        "required" when property.Value.ValueKind == JsonValueKind.Array =>
                            property.Value.EnumerateArray().All(static one => one.ValueKind != JsonValueKind.String || IsName(one.GetString()!)),
                        _ => true,
                    };
                    if (!isPlain || !HasPlainNames(property.Value))
                        return false;
                }
                return true;
            default:
                return true;
        }
    }
}
