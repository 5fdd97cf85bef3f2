namespace MeKi.Model.Evaluation;

/// <summary>What a model is asked: how likely each continuation is after its context.</summary>
/// <param name="Line">Line of the task file, counted from 1.</param>
/// <param name="Continuations">One for each choice.</param>
/// <param name="Answer">The right choice.</param>
internal sealed record TaskQuestion(int Line, IReadOnlyList<Continuation> Continuations, int Answer);

/// <summary>A text whose likelihood after a context is asked for.</summary>
/// <param name="Context">What precedes; may be empty.</param>
/// <param name="Text">What is scored.</param>
/// <param name="ChoiceLength">Characters (Unicode code points) of the choice as the data set has it, without what joins it to the context: <c>acc_norm</c>
/// divides by it.</param>
internal sealed record Continuation(string Context, string Text, int ChoiceLength);

/// <summary>What a model says of a continuation.</summary>
/// <param name="LogLikelihood">Sum over the continuation's tokens of log p given all before, in nats.</param>
/// <param name="IsGreedy">Whether each token is the likeliest at its place.</param>
internal readonly record struct ContinuationScore(double LogLikelihood, bool IsGreedy);
