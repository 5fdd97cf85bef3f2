using System.CommandLine;
using MeKi.Model;

namespace MeKi.Tool;

/// <summary>The model that ships in the repository: <c>models/tiny-meki</c>, at or above the current folder or the program.</summary>
internal static class DemoModel
{
    private static readonly string Folder = Path.Combine("models", "tiny-meki");

    /// <summary>The option that names another one.</summary>
    public static Option<string?> Option() => new("--model", "-m")
    {
        Description = "A folder that 'meki convert' wrote, a .gguf file or a Hugging Face checkpoint. Default: the demo model.",
        HelpName = "PATH",
    };

    public static string Find()
    {
        foreach (string start in new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                string candidate = Path.Combine(folder.FullName, Folder);
                if (Directory.Exists(candidate))
                    return candidate;
            }
        }
        throw new ModelFileException(Folder, "", "the demo model is not at or above this folder", "Name a model with --model");
    }
}
