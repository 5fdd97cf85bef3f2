using MeKi.Model;

namespace MeKi.Extensions.AI;

/// <summary>What a model is called.</summary>
internal static class ModelName
{
    public const string Provider = "meki";

    /// <summary>A file's name without its extension; a folder's.</summary>
    public static string Of(MeKiModel model)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Loaded.Source.Path)), name = Path.GetFileName(path);
        return name == ModelFiles.ModelName ? Path.GetFileName(Path.GetDirectoryName(path)) ?? name
            : name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? Path.GetFileNameWithoutExtension(name) : name;
    }

    /// <summary>Refuses to be taken for another model.</summary>
    /// <exception cref="NotSupportedException">It is.</exception>
    public static void Check(string member, string? asked, string own)
    {
        if (asked is not null && !asked.Equals(own, StringComparison.OrdinalIgnoreCase))
            throw new NotSupportedException($"{member} asks for the model '{asked}', and this one is '{own}'.");
    }
}
