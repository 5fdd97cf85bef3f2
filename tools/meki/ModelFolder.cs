namespace MeKi.Tool;

/// <summary>What 'meki convert' writes into a folder.</summary>
internal static class ModelFolder
{
    public const string Rows = "model.rows";

    /// <summary>The names of the files.</summary>
    public static IReadOnlyList<string> Files { get; } = ["model.gguf", Rows];
}
