namespace MeKi.Server.Responses;

/// <summary>An adapter, as llama.cpp's server tells of it. The path is the name in the library, or what the server was started with.</summary>
internal sealed record AdapterItem(int Id, string Path, float Scale);

/// <summary>Something was done.</summary>
internal sealed record Outcome(bool Success);
