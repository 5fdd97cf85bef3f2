using System.Globalization;

namespace MeKi.Model.Gguf;

/// <summary>A model that lies in several files, as <c>llama-gguf-split</c> writes it: <c>NAME-00001-of-00003.gguf</c> and so on, the metadata in the
/// first.</summary>
internal static class GgufSplit
{
    /// <summary>What the keys begin with that tell of the parts.</summary>
    public const string Prefix = "split.";

    private const string NumberKey = Prefix + "no", CountKey = Prefix + "count", TensorsKey = Prefix + "tensors.count";
    private const string Extension = ".gguf";
    private const int MaxNamed = 3;

    /// <summary>The parts after the first; none for a model in one file.</summary>
    /// <param name="first">The file that was asked for.</param>
    /// <param name="copy">Whether to read them into memory instead of mapping them.</param>
    /// <param name="leaveOut">As for <see cref="GgufPart.Open"/>.</param>
    /// <exception cref="ModelFileException">It is another part than the first, a part is missing, or one does not belong to it.</exception>
    public static IEnumerable<GgufPart> OpenOthers(GgufPart first, bool copy, Func<string, bool>? leaveOut = null)
    {
        string path = first.File.Path;
        (int number, int count) = NumberOf(first);
        if (count == 1)
            yield break;
        string? name = WithoutNumber(path, number, count);
        if (number != 0)
        {
            throw new ModelFileException(path, "", $"is part {number + 1} of a model in {count} files",
                name is null ? "Give the first part" : $"Give the first part, '{Path.GetFileName(Name(name, 0, count))}'");
        }
        if (name is null)
        {
            throw new ModelFileException(path, "",
                $"is part 1 of a model in {count} files, but its name does not end in '{Path.GetFileName(Name("", 0, count))}'",
                "Give the parts their own names, by which each finds the others");
        }
        int[] missing = [.. Enumerable.Range(1, count - 1).Where(part => !File.Exists(Name(name, part, count)))];
        if (missing.Length > 0)
        {
            string names = string.Join(", ", missing.Take(MaxNamed).Select(part => $"'{Path.GetFileName(Name(name, part, count))}'"));
            string more = missing.Length > MaxNamed ? $" and {missing.Length - MaxNamed} more" : "";
            throw new ModelFileException(path, "",
                $"is part 1 of a model in {count} files, of which {missing.Length} {(missing.Length == 1 ? "is" : "are")} missing: {names}{more}",
                "Put all parts into one folder");
        }
        int tensors = first.Tensors.Count;
        for (int i = 1; i < count; i++)
        {
            GgufPart part = GgufPart.Open(Name(name, i, count), copy, leaveOut);
            yield return part;
            if (NumberOf(part) != (i, count))
            {
                throw new ModelFileException(part.File.Path, $"metadata key '{NumberKey}'", $"is not that of part {i + 1} of {count}",
                    "Download the parts again");
            }
            tensors += part.Tensors.Count;
            if (tensors > GgufLayout.MaxTensors)
            {
                throw new ModelFileException(part.File.Path, "", $"makes more than the {GgufLayout.MaxTensors} tensors this engine reads",
                    "The file is damaged or not for this engine");
            }
        }
        if (first.Metadata.TryGetInt(TensorsKey) is { } told && told != tensors)
        {
            throw new ModelFileException(path, $"metadata key '{TensorsKey}'", $"tells of {told} tensors where the parts have {tensors}",
                "Download the parts again");
        }
    }

    /// <summary>The name that the parts of a path have in common; for another path, that without its ending.</summary>
    public static string CommonName(string path)
    {
        string name = Path.ChangeExtension(path, null);
        // -00001-of-00003
        bool isPart = name.Length > 15 && name[^15] == '-' && name.AsSpan(name.Length - 9, 4).SequenceEqual("-of-")
            && !name.AsSpan(name.Length - 14, 5).ContainsAnyExceptInRange('0', '9') && !name.AsSpan(name.Length - 5).ContainsAnyExceptInRange('0', '9');
        return isPart ? name[..^15] : name;
    }

    private static (int Number, int Count) NumberOf(GgufPart part)
    {
        (int number, int count) = (part.Metadata.TryGetInt(NumberKey) ?? 0, part.Metadata.TryGetInt(CountKey) ?? 1);
        // A count of 0 is that of a model which was not split.
        count = Math.Max(count, 1);
        return number >= 0 && number < count && count <= ushort.MaxValue ? (number, count)
            : throw new ModelFileException(part.File.Path, $"metadata key '{NumberKey}'", $"part {number} of {count} is out of range", "The file is damaged");
    }

    private static string? WithoutNumber(string path, int number, int count)
    {
        string ending = Name("", number, count);
        return path.EndsWith(ending, StringComparison.Ordinal) ? path[..^ending.Length] : null;
    }

    private static string Name(string name, int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}-{number + 1:d5}-of-{count:d5}{Extension}");
}
