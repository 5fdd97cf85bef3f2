using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Adapters.Merging;

namespace MeKi.Tool.Adapters;

/// <summary>The adapters that a command is given, with the texts that lie beside them. Open until disposed.</summary>
internal sealed class TaskAdapters : IDisposable
{
    // Attention costs the square of a text.
    private const int MostTokens = 1 << 12;

    private readonly List<LoraFile> _files = [];
    private readonly List<string> _paths = [];

    private TaskAdapters()
    {
    }

    /// <summary>The adapters, of different names.</summary>
    public List<LoraAdapter> Adapters { get; } = [];

    /// <summary>The adapters as an argument.</summary>
    public static Argument<string[]> Argument() => new("adapters")
    {
        Description = "PEFT folders and GGUF adapters of one model.",
        HelpName = "ADAPTER",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Where each adapter's texts lie.</summary>
    public static Option<string> Examples() => new("--examples")
    {
        Description = "The file of each task's texts: in an adapter's folder, or beside a .gguf file as NAME.FILE. JSON lines with text, or prompt and answer.",
        HelpName = "FILE",
        DefaultValueFactory = _ => "few.jsonl",
    };

    /// <summary>Where a longer text is cut.</summary>
    public static NumberOption<int> Tokens() => new("--tokens", [], "Cut texts at so many tokens.", 2, MostTokens, 160);

    /// <summary>Opens them.</summary>
    /// <exception cref="ModelFileException">One cannot be read or is of another model, or two have one name.</exception>
    public static TaskAdapters Open(string[] paths, ModelConfig config)
    {
        TaskAdapters opened = new();
        try
        {
            foreach (string path in paths)
            {
                LoraFile file = LoraFile.Open(path, config);
                opened._files.Add(file);
                foreach (LoraAdapter adapter in file.Adapters)
                {
                    if (opened.Adapters.Exists(other => other.Name == adapter.Name))
                        throw new ModelFileException(path, "", $"has the name {UntrustedText.Quote(adapter.Name)} of another", "Rename one of them");
                    opened.Adapters.Add(adapter);
                    opened._paths.Add(file.Path);
                }
            }
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The adapters with their texts.</summary>
    public List<MergeTask> Tasks(MeKiModel model, string examples, int tokens) =>
        [.. Adapters.Select((adapter, i) => new MergeTask(adapter, Texts(i, model, examples, tokens)))];

    /// <summary>The texts of one.</summary>
    public List<MergeText> Texts(int index, MeKiModel model, string file, int tokens)
    {
        string path = Directory.Exists(_paths[index]) ? Path.Combine(_paths[index], file)
            : Path.Combine(Path.GetDirectoryName(Path.GetFullPath(_paths[index]))!, $"{Adapters[index].Name}.{file}");
        return MergeTask.ReadTexts(path, model.Loaded.RequiredTokenizer, tokens);
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());
}
