using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Adapters.Merging;

/// <summary>How likely every task's examples are under the merge of some tasks: the costly part, kept in a file for the next search.</summary>
internal sealed class ClusterScores
{
    private readonly Dictionary<string, double[]> _known = [];
    private readonly string? _path;
    private readonly string _identity;
    private readonly int _tasks;

    /// <param name="path">The file; null for none. One of other tasks, another model or rank is begun anew.</param>
    /// <param name="identity">What the scores are of.</param>
    /// <param name="tasks">How many tasks.</param>
    public ClusterScores(string? path, string identity, int tasks)
    {
        (_path, _identity, _tasks) = (path, identity, tasks);
        if (path is not null && File.Exists(path))
            JsonPlace.Read(path, Take);
    }

    /// <summary>Merges scored, including those of the file.</summary>
    public int Count => _known.Count;

    /// <summary>The score of each task under the merge of some.</summary>
    /// <param name="members">Those.</param>
    /// <param name="score">Scores them where nobody has.</param>
    public double[] Of(int[] members, Func<double[]> score)
    {
        string key = string.Join(',', members);
        if (_known.TryGetValue(key, out double[]? scores))
            return scores;
        _known.Add(key, scores = score());
        Write();
        return scores;
    }

    /// <summary>A hash of everything that scores depend on.</summary>
    public static string IdentityOf(MeKiModel model, IReadOnlyList<MergeTask> tasks, int rank)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string file = Path.GetFullPath(model.Loaded.Source.Path);
        long written = Directory.Exists(file) ? Directory.GetLastWriteTimeUtc(file).Ticks : File.GetLastWriteTimeUtc(file).Ticks;
        hash.AppendData(Encoding.UTF8.GetBytes($"{file} {written} {model.WeightBytesPerToken} {rank}"));
        foreach (MergeTask task in tasks)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{task.Name}\n"));
            foreach (MergeText text in task.Examples)
                hash.AppendData(Encoding.UTF8.GetBytes($"{text.First}:{string.Join(' ', text.Tokens)}\n"));
            foreach ((LoraTarget target, LoraPair pair) in task.Adapter.Pairs.OrderBy(each => each.Key.Layer).ThenBy(each => each.Key.Role))
            {
                hash.AppendData(Encoding.UTF8.GetBytes($"{target.Layer} {target.Role} {BitConverter.SingleToInt32Bits(pair.Scale)}"));
                foreach (LoraFactor factor in new[] { pair.A, pair.B })
                {
                    for (int row = 0; row < factor.Rows; row++)
                        hash.AppendData(factor.Row(row));
                }
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private int Take(JsonPlace root)
    {
        if (root.TryText("identity") != _identity)
            return 0;
        foreach (JsonPlace merge in root.Field("merges").Items())
        {
            double[] scores = [.. merge.Field("scores").Items().Select(score => score.Element.TryGetDouble(out double value) && double.IsFinite(value)
                ? value : throw score.Fault("is no number", "Delete the file: the search begins anew"))];
            if (scores.Length != _tasks)
                throw merge.Fault($"has {scores.Length} scores where there are {_tasks} tasks", "Delete the file: the search begins anew");
            _known[merge.Field("tasks").Text()] = scores;
        }
        return _known.Count;
    }

    private void Write()
    {
        if (_path is null)
            return;
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, new() { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("identity", _identity);
            json.WriteStartArray("merges");
            foreach ((string key, double[] scores) in _known)
            {
                json.WriteStartObject();
                json.WriteString("tasks", key);
                json.WriteStartArray("scores");
                foreach (double score in scores)
                    json.WriteNumberValue(score);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        PendingFile.Write(_path, text.Length, text.WriteTo);
    }
}
