using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Evaluation;
using MeKi.Model.Generation;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Generation;

/// <summary>What is known to be wrong at the call is thrown there; what a caller's token ends says whose token it was.</summary>
public sealed class CallErrorTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 20 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Fault", "18.26")]
    public void A_prompt_that_cannot_be_generated_from_is_refused_by_the_call()
    {
        using MeKiModel model = tiny.Load(converted: true);
        using MeKiSession session = model.CreateSession();
        Assert.Throws<ArgumentNullException>(() => { model.GenerateAsync((string)null!); });
        Assert.Equal("prompt", Assert.Throws<ArgumentException>(() => { model.GenerateAsync(""); }).ParamName);
        Assert.Throws<ArgumentException>(() => { session.GenerateAsync(""); });
        Assert.Equal(1025, Assert.Throws<ContextOverflowException>(() => { model.GenerateAsync(new string('x', 1025)); }).Tokens);
        Assert.Throws<ContextOverflowException>(() => { session.GenerateAsync(new string('x', 1025)); });
    }

    [Fact]
    [Trait("Fault", "18.26")]
    public void A_disposed_model_and_a_disposed_session_refuse_the_call()
    {
        MeKiModel model = tiny.Load(converted: true);
        MeKiSession session = model.CreateSession(), other = model.CreateSession();
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { session.GenerateAsync("A"); });
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { model.GenerateAsync("A"); });
        Assert.Throws<ObjectDisposedException>(() => { other.GenerateAsync("A"); });
        Assert.Throws<ObjectDisposedException>(() => { model.GenerateAsync([1, 2]); });
        other.Dispose();
    }

    [Fact]
    [Trait("Fault", "18.26")]
    public void A_model_without_a_tokenizer_refuses_the_call()
    {
        using MeKiModel model = MeKiModel.Load(new TinyCheckpoint { HasTokenizer = false }.Write(_folder["c"]));
        Assert.Throws<InvalidOperationException>(() => { model.GenerateAsync("A"); });
        Assert.Throws<InvalidOperationException>(() => { model.GenerateAsync([1]); });
    }

    [Fact]
    [Trait("Fault", "18.26")]
    public void Options_of_a_load_are_checked_where_they_are_set()
    {
        foreach ((string name, Func<LoadOptions> options) in new (string, Func<LoadOptions>)[]
        {
            ("Threads", () => new() { Threads = 0 }), ("Threads", () => new() { Threads = 100_000 }), ("Threads", () => new() { Threads = -1 }),
            ("KeyFormat", () => new() { KeyFormat = (KvFormat)99 }), ("ValueFormat", () => new() { ValueFormat = (KvFormat)(-1) }),
            ("Rows", () => new() { Rows = null! }),
        })
        {
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(options).ParamName);
        }
    }

    [Theory]
    [InlineData("call", "prompt")]
    [InlineData("call", "token")]
    [InlineData("enumeration", "prompt")]
    [InlineData("enumeration", "token")]
    [InlineData("both", "prompt")]
    [InlineData("both", "token")]
    [Trait("Fault", "18.26")]
    public async Task A_cancelled_generation_names_the_callers_token(string given, string when)
    {
        using MeKiModel model = tiny.Load(converted: true);
        using CancellationTokenSource cancelled = new(), other = new();
        (CancellationToken call, CancellationToken enumeration) = given switch
        {
            "call" => (cancelled.Token, CancellationToken.None),
            "enumeration" => (CancellationToken.None, cancelled.Token),
            _ => (other.Token, cancelled.Token),
        };
        CancelAfterOneBatch? progress = when == "prompt" ? new(cancelled) : null;
        OperationCanceledException failure = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (string _ in model.GenerateAsync(new string('x', 600), Greedy, progress, call).WithCancellation(enumeration))
                await cancelled.CancelAsync();
        });
        Assert.Equal(cancelled.Token, failure.CancellationToken);
    }

    [Theory]
    [InlineData("forward")]
    [InlineData("perplexity")]
    [InlineData("comparison")]
    [InlineData("evaluation")]
    [InlineData("conversion")]
    [InlineData("quantisation")]
    [InlineData("synthesis")]
    [InlineData("verification")]
    [Trait("Fault", "18.26")]
    public void Whatever_is_cancelled_names_the_callers_token(string work)
    {
        using MeKiModel model = tiny.Load(converted: true);
        using CancellationTokenSource stop = new();
        using CancelAt late = new(6);
        stop.Cancel();
        CancellationToken expected = work is "conversion" or "quantisation" ? late.Token : stop.Token;
        Action run = work switch
        {
            "forward" => () => model.CreateSession().Forward([1], [], cancellationToken: stop.Token),
            "perplexity" => () => Perplexity.Measure(model, new("To be or not to be"), 8, null, null, stop.Token),
            "comparison" => () => ModelComparison.Compare(model, model, new("To be or not to be"), 8, null, stop.Token),
            "evaluation" => () => EvaluationTask.Find("piqa").Evaluate(model, Piqa(), cancellationToken: stop.Token),
            "conversion" => () => Converter.Convert(tiny.Checkpoint, _folder["converted"], null, late, late.Token),
            "quantisation" =>
                () => Quantizer.Quantize(tiny.Converted, _folder["quantised"], WeightRecipe.Of(GgmlType.F16), progress: late, cancellationToken: late.Token),
            "synthesis" => () => SyntheticModel.Write(SyntheticShape.Of("tiny"), _folder["new"], cancellationToken: stop.Token),
            _ => () => RowFileCheck.Run(Path.Combine(tiny.Converted, "model.rows"), null, stop.Token),
        };
        Assert.Equal(expected, Assert.ThrowsAny<OperationCanceledException>(run).CancellationToken);
    }

    private string Piqa() => _folder.Add("piqa.jsonl", """{"goal":"To be","sol1":"or not","sol2":"and be","label":0}"""u8);

    private sealed class CancelAfterOneBatch(CancellationTokenSource source) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Done > 0)
                source.Cancel();
        }
    }
}
