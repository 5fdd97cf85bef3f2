using System.Text.Json.Nodes;
using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>Model files that a test changes at will, and what comes of loading them: an answer, or one clear error.</summary>
internal sealed class HostileFiles : IDisposable
{
    /// <summary>Tokens of every vocabulary here.</summary>
    private static readonly int[] Tokens = [3, 1, 4, 1, 5, 9, 2, 6];

    private readonly TemporaryFolder _folder = new();
    private int _written;

    /// <summary>A dense model, in milliseconds.</summary>
    public static TinyCheckpoint Dense { get; } = new()
    {
        Memory = 0,
        Vocabulary = 24,
        Hidden = 32,
        FeedForward = 48,
        HeadDimension = 8,
        HasTokenizer = false,
    };

    /// <summary>The same with the MeKi branch, in its training form.</summary>
    public static TinyCheckpoint MeKi { get; } = Dense with { Memory = 16 };

    public void Dispose() => _folder.Dispose();

    /// <summary>A path that nothing has yet.</summary>
    public string NewPath(string ending = "") => _folder[$"{_written++}{ending}"];

    /// <summary>Writes <see cref="Dense"/> as a GGUF file.</summary>
    public string Gguf(Action<GgufDraft> change) => Gguf(Dense, change);

    /// <summary>Writes a dense model as a GGUF file.</summary>
    public string Gguf(TinyCheckpoint checkpoint, Action<GgufDraft> change)
    {
        GgufDraft draft = GgufDraft.Dense(checkpoint);
        change(draft);
        return draft.Write(NewPath(".gguf"));
    }

    /// <summary>Converts <see cref="MeKi"/>, changes its model file and gives the folder.</summary>
    public string Folded(Action<GgufDraft> change)
    {
        string folder = NewPath();
        string path = Converter.Convert(Folder(MeKi), folder, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 }).ModelPath;
        GgufDraft draft = GgufDraft.Read(path);
        change(draft);
        draft.Write(path);
        return folder;
    }

    /// <summary>Writes a Hugging Face folder.</summary>
    public string Folder(TinyCheckpoint checkpoint) => checkpoint.Write(NewPath());

    /// <summary>Writes <see cref="Dense"/> as a Hugging Face folder with settings of its own: a JSON object, or what is none.</summary>
    public string Folder(string settings) => Folder(Dense, settings);

    /// <summary>Writes a Hugging Face folder with settings of its own.</summary>
    public string Folder(TinyCheckpoint checkpoint, string settings)
    {
        string folder = Folder(checkpoint), path = Path.Combine(folder, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        // Later fields count. What stands here need not be JSON.
        File.WriteAllText(path, config.ToJsonString()[..^1] + ", " + settings.Trim()[1..]);
        return folder;
    }

    /// <summary>The logits of a few tokens, exact in what may be rounded.</summary>
    public static float[] Logits(string path)
    {
        using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact with { Threads = 1 });
        return GoldenAssert.AllLogits(model, Tokens);
    }

    /// <summary>Loads a model and runs it token by token as a user would, keys and values in Q8_0.</summary>
    public static void Run(string path)
    {
        using MeKiModel model = MeKiModel.Load(path, new() { Threads = 1, KeyFormat = KvFormat.Q8_0, ValueFormat = KvFormat.Q8_0 });
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        for (int i = 0; i < Math.Min(6, model.Config.ContextLength); i++)
            session.Forward([i % model.Config.VocabularySize], logits);
    }

    /// <summary>Asserts that a model is refused when it is loaded, with its path first and some words.</summary>
    public static void Refused(string path, params string[] words) => Refused(() => MeKiModel.Load(path, new() { Threads = 1 }).Dispose(), path, words);

    /// <summary>Asserts that a model is refused when loaded and when converted (a Hugging Face folder) or quantised, and that nothing is written.</summary>
    public void RefusedEverywhere(string path, params string[] words)
    {
        Refused(path, words);
        string output = NewPath();
        if (File.Exists(Path.Combine(path, "config.json")))
            Refused(() => Converter.Convert(path, output), path, words);
        else
            Refused(() => Quantizer.Quantize(path, output, WeightRecipe.Of(GgmlType.Q8_0)), path, words);
        Assert.False(Directory.Exists(output));
    }

    /// <summary>Asserts that an error is what a user can read: one line of bounded length that says where.</summary>
    public static void AssertReadable(ModelFileException failure, string path)
    {
        Assert.StartsWith(path, failure.Message, StringComparison.Ordinal);
        Assert.InRange(failure.Message.Length, path.Length + 10, path.Length + 500);
        Assert.DoesNotContain(failure.Message, char.IsControl);
    }

    private static void Refused(Action action, string path, string[] words)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(action);
        AssertReadable(failure, path);
        Assert.All(words, word => Assert.Contains(word, failure.Message, StringComparison.Ordinal));
    }
}
