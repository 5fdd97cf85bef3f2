using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Adapters.Merging;

/// <summary>What was scored, by names: the costly part of a search or report, kept in a file for the next.</summary>
internal sealed class ScoreFile
{
    private const int MostBytes = 64 << 20;

    private readonly SortedDictionary<string, double[]> _known = new(StringComparer.Ordinal);
    private readonly string? _path;
    private readonly string _identity;
    private bool _isChanged;

    /// <param name="path">The file; null for none. One of other tasks, texts, another model or rank is begun anew.</param>
    /// <param name="identity">What the scores are of: <see cref="IdentityOf"/>.</param>
    /// <exception cref="ModelFileException">The file is damaged.</exception>
    public ScoreFile(string? path, string identity)
    {
        (_path, _identity) = (path, identity);
        if (path is not null && File.Exists(path))
            JsonPlace.Read(path, Take, MostBytes);
    }

    /// <summary>Names known, including those of the file.</summary>
    public int Count => _known.Count;

    /// <summary>The scores of a name; null where there are none yet.</summary>
    public double[]? Find(string name) => _known.GetValueOrDefault(name);

    /// <summary>Sets the scores of a name.</summary>
    public void Put(string name, double[] scores) => (_known[name], _isChanged) = (scores, true);

    /// <summary>Writes the file, where there is one and it would change.</summary>
    /// <exception cref="ModelFileException">It cannot be written.</exception>
    public void Save()
    {
        if (_path is null || !_isChanged)
            return;
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, new() { Indented = false }))
        {
            json.WriteStartObject();
            json.WriteString("identity", _identity);
            json.WriteStartObject("scores");
            foreach ((string name, double[] scores) in _known)
            {
                json.WriteStartArray(name);
                foreach (double score in scores)
                    json.WriteNumberValue(score);
                json.WriteEndArray();
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        PendingFile.Write(_path, text.Length, text.WriteTo);
        _isChanged = false;
    }

    /// <summary>A hash of everything that scores depend on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="others">Further texts of each task.</param>
    /// <param name="rank">Of merged adapters.</param>
    public static string IdentityOf(MeKiModel model, IReadOnlyList<MergeTask> tasks, IReadOnlyList<IReadOnlyList<MergeText>> others, int rank)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string file = Path.GetFullPath(model.Loaded.Source.Path);
        long written = Directory.Exists(file) ? Directory.GetLastWriteTimeUtc(file).Ticks : File.GetLastWriteTimeUtc(file).Ticks;
        Append($"{file} {written} {model.WeightBytesPerToken} {rank}");
        foreach (MergeTask task in tasks)
        {
            Append($"\n{task.Name}\n");
            AppendTexts(task.Examples);
            foreach ((LoraTarget target, LoraPair pair) in task.Adapter.Pairs.OrderBy(each => each.Key.Layer).ThenBy(each => each.Key.Role))
            {
                Append($"{target.Layer} {target.Role} {BitConverter.SingleToInt32Bits(pair.Scale)}");
                foreach (LoraFactor factor in new[] { pair.A, pair.B })
                {
                    for (int row = 0; row < factor.Rows; row++)
                        hash.AppendData(factor.Row(row));
                }
            }
        }
        foreach (IReadOnlyList<MergeText> texts in others)
        {
            Append("\n");
            AppendTexts(texts);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));

        void AppendTexts(IReadOnlyList<MergeText> texts)
        {
            foreach (MergeText text in texts)
                Append($"{text.First}:{string.Join(' ', text.Tokens)}\n");
        }
    }

    private int Take(JsonPlace root)
    {
        if (root.TryText("identity") != _identity)
            return 0;
        foreach ((string name, JsonPlace scores) in root.Field("scores").Members())
        {
            _known[name] = [.. scores.Items().Select(score => score.Element.ValueKind == JsonValueKind.Number
                && score.Element.TryGetDouble(out double value) && double.IsFinite(value)
                ? value : throw score.Fault("is no number", "Delete the file: what it is for begins anew"))];
        }
        return _known.Count;
    }
}
