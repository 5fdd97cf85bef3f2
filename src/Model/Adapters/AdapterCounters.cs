namespace MeKi.Model.Adapters;

/// <summary>What an adapter library has done since the model was loaded.</summary>
/// <param name="Loads">Adapters brought to memory.</param>
/// <param name="BytesRead">Bytes of their factors on storage.</param>
/// <param name="LoadTime">Time that it took.</param>
/// <param name="Hits">Adapters asked for that were in memory.</param>
/// <param name="Evictions">Adapters that made room for others.</param>
/// <param name="BytesHeld">Bytes of those in memory now.</param>
public readonly record struct AdapterCounters(long Loads, long BytesRead, TimeSpan LoadTime, long Hits, long Evictions, long BytesHeld);
