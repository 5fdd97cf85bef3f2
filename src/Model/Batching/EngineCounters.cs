namespace MeKi.Model.Batching;

/// <summary>What a model's generations do now, and have done since it was loaded.</summary>
/// <param name="Queued">Generations that wait to be let in.</param>
/// <param name="Running">Generations that are in: they compute, or wait for those who take their text.</param>
/// <param name="KvBytes">Bytes of keys and values of generations without a session, and of ended ones that are kept for those that begin alike.</param>
/// <param name="KvLimit">The most that these may be (<see cref="LoadOptions.MaxKvBytes"/>).</param>
/// <param name="PromptTokens">Tokens of prompts that were computed.</param>
/// <param name="ReusedTokens">Tokens of prompts that needed no computing.</param>
/// <param name="GeneratedTokens">Tokens generated.</param>
/// <param name="Passes">Forward passes.</param>
/// <param name="PassTime">Their time.</param>
/// <param name="Preemptions">Generations that gave back their keys and values to others, to compute them anew.</param>
public readonly record struct EngineCounters(
    int Queued, int Running, long KvBytes, long KvLimit, long PromptTokens, long ReusedTokens, long GeneratedTokens, long Passes, TimeSpan PassTime,
    long Preemptions);
