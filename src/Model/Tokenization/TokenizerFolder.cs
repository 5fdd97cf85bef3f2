namespace MeKi.Model.Tokenization;

/// <summary>Which file of a checkpoint's folder has its tokenizer.</summary>
internal static class TokenizerFolder
{
    /// <summary>The file: <c>tokenizer.json</c>, or <c>tokenizer.model</c> where only that is there.</summary>
    public static string PathIn(string folder)
    {
        string json = Path.Combine(folder, TokenizerJson.FileName), model = Path.Combine(folder, SentencePieceModel.FileName);
        return File.Exists(json) || !File.Exists(model) ? json : model;
    }

    /// <summary>Loads a file of either kind.</summary>
    /// <exception cref="ModelFileException">It is damaged, or asks for something unsupported.</exception>
    public static Tokenizer Load(string path) =>
        path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? TokenizerJson.Load(path) : SentencePieceModel.Load(path);
}
