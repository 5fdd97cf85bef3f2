using MeKi.Model.Adapters;

namespace MeKi.Model.Layers;

/// <summary>Some tokens of one sequence within a batch.</summary>
/// <param name="Cache">The sequence so far; the tokens are appended.</param>
/// <param name="Count">How many tokens.</param>
/// <param name="Wanted">Of how many, the last ones, the logits are wanted.</param>
/// <param name="Adapters">What they are computed with besides the model; null for nothing. Segments of one batch may differ in it.</param>
internal readonly record struct Segment(KvCache Cache, int Count, int Wanted, AdapterSet? Adapters = null);
