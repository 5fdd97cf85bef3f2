using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary><c>{% for target in source if test %}…{% else %}…{% endfor %}</c></summary>
/// <param name="line">Where it stands.</param>
/// <param name="target">Receives each element.</param>
/// <param name="tested">Receives each element for the test.</param>
/// <param name="source">The elements.</param>
/// <param name="test">Which elements count; null for all.</param>
/// <param name="body">Executed for each.</param>
/// <param name="otherwise">Executed where there is none.</param>
/// <param name="isRecursive">Whether the body may call the loop.</param>
/// <param name="usesLoop">Whether the body asks for <c>loop</c>.</param>
internal sealed class ForStatement(
    int line, Target target, Target tested, Expression source, Expression? test, Body body, Body? otherwise, bool isRecursive, bool usesLoop) : Statement(line)
{
    private Scope? _scope, _testScope, _otherwiseScope;
    private int _loop = -1;

    public override void Declare(Scope scope)
    {
        source.Declare(scope);
        _scope = scope.Inside(inner =>
        {
            if (usesLoop || isRecursive)
                _loop = inner.Parameter("loop");
            target.Declare(inner, isParameter: true);
            body.Declare(inner);
        });
        if (test is not null)
        {
            _testScope = scope.Inside(inner =>
            {
                tested.Declare(inner, isParameter: true);
                test.Declare(inner);
            });
        }
        if (otherwise is not null)
            _otherwiseScope = scope.Inside(otherwise.Declare);
    }

    public override Flow Execute(Frame frame, Output output)
    {
        Value elements = source.Evaluate(frame);
        frame.Run.Line = Line;
        return Loop(frame, output, elements, 0);
    }

    private Flow Loop(Frame frame, Output output, Value elements, int depth)
    {
        Run run = frame.Run;
        IEnumerator<Value> each = elements.RequiredElements(run);
        int? count = elements.Count(run);
        if (test is not null)
            (each, count) = (Tested(frame, each), null);
        LoopValue? loop = _loop < 0 ? null : new(each, count, depth, isRecursive ? inner => Again(frame, inner, depth + 1) : null);
        Frame round = new(run, _scope!, frame);
        // Jinja counts the rounds that come to their end.
        bool isFirst = true, any = false;
        while (loop?.MoveNext() ?? each.MoveNext())
        {
            run.Step();
            if (!isFirst)
                round.Reset();
            isFirst = false;
            target.Assign(round, loop?.Current ?? each.Current);
            if (loop is not null)
                round[_loop] = loop;
            Flow flow = body.Execute(round, output);
            any |= flow == Flow.Next;
            if (flow == Flow.Break)
                break;
        }
        return any || otherwise is null ? Flow.Next : otherwise.Execute(new(run, _otherwiseScope!, frame), output);
    }

    private TextValue Again(Frame frame, Value elements, int depth)
    {
        frame.Run.Enter();
        Output output = new(frame.Run);
        Loop(frame, output, elements, depth);
        frame.Run.Leave();
        return TextValue.Of(output.ToString());
    }

    private IEnumerator<Value> Tested(Frame frame, IEnumerator<Value> each)
    {
        Frame inner = new(frame.Run, _testScope!, frame);
        while (each.MoveNext())
        {
            frame.Run.Step();
            Value element = each.Current;
            tested.Assign(inner, element);
            if (test!.Evaluate(inner).IsTrue)
                yield return element;
        }
    }
}

/// <summary>What a loop knows of itself: the variable <c>loop</c>.</summary>
/// <param name="elements">The elements.</param>
/// <param name="length">How many there are; null where that is not known before the end.</param>
/// <param name="depth">How many loops called each other to come here.</param>
/// <param name="again">Executes the loop over other elements; null for a loop that is not recursive.</param>
internal sealed class LoopValue(IEnumerator<Value> elements, int? length, int depth, Func<Value, TextValue>? again) : Value
{
    private readonly Queue<Value> _ahead = new();
    private int _index = -1;
    private int? _length = length;
    private Value? _previous, _lastChanged;

    public override string TypeName => "LoopContext";

    public override bool IsCallable => true;

    public Value Current { get; private set; } = NoneValue.Instance;

    public bool MoveNext()
    {
        if (!Peek(out Value? next))
            return false;
        _previous = _index < 0 ? null : Current;
        Current = next!;
        _ahead.Dequeue();
        _index++;
        return true;
    }

    public override int? Count(Run run) => Length(run);

    public override IEnumerator<Value> Elements(Run run)
    {
        while (MoveNext())
            yield return new TupleValue(Current, this);
    }

    public override Value? Attribute(string name, Run run) => name switch
    {
        "index" => IntValue.Of(_index + 1),
        "index0" => IntValue.Of(_index),
        "revindex" => IntValue.Of(Length(run) - _index),
        "revindex0" => IntValue.Of(Length(run) - _index - 1),
        "first" => BoolValue.Of(_index == 0),
        "last" => BoolValue.Of(!Peek(out _)),
        "length" => IntValue.Of(Length(run)),
        "depth" => IntValue.Of(depth + 1),
        "depth0" => IntValue.Of(depth),
        "previtem" => _previous ?? new UndefinedValue("there is no previous item"),
        "nextitem" => Peek(out Value? next) ? next : new UndefinedValue("there is no next item"),
        "cycle" => new FunctionValue(name, (_, arguments) => arguments.Positional is { Length: > 0 } values
            ? values[_index % values.Length] : throw new TemplateFault("no items for cycling given")),
        "changed" => new FunctionValue(name, (calling, arguments) => Changed(calling, arguments)),
        _ => null,
    };

    public override Value Call(Run run, Arguments arguments)
    {
        if (again is null)
            throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.");
        return arguments is { Positional: [Value inner], Named: null } ? again(inner) : throw new TemplateFault("loop() takes exactly one argument");
    }

    public override void Repr(ReprWriter writer) => writer.Write($"<LoopContext {_index + 1}/{Length(writer.Run)}>");

    private bool Peek(out Value? next)
    {
        if (_ahead.Count == 0 && elements.MoveNext())
            _ahead.Enqueue(elements.Current);
        return _ahead.TryPeek(out next);
    }

    private int Length(Run run)
    {
        if (_length is int known)
            return known;
        while (elements.MoveNext())
        {
            run.MakeElements(1);
            _ahead.Enqueue(elements.Current);
        }
        _length = _index + 1 + _ahead.Count;
        return _length.Value;
    }

    private BoolValue Changed(Run run, Arguments arguments)
    {
        TupleValue now = new(arguments.Positional);
        bool isChanged = _lastChanged is null || !now.EqualTo(_lastChanged, run);
        _lastChanged = now;
        return BoolValue.Of(isChanged);
    }
}
