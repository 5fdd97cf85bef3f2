using MeKi.Model.Gguf;

namespace MeKi.Model.Adapters;

/// <summary>A file, or folder, as it is on storage now: another length or time is another file.</summary>
internal sealed record AdapterFileKey(string Path, long Length, DateTime Written);

/// <summary>Where an adapter lies.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Key">The file, or PEFT folder.</param>
internal sealed record AdapterPlace(string Name, AdapterFileKey Key);

/// <summary>Finds adapters by name or path.</summary>
internal static class AdapterFolder
{
    private const string Extension = ".gguf";

    /// <summary>
    /// The adapters of a folder; none where there is no such folder. A file that cannot be read has its own name: whoever asks for that is told why, and nobody
    /// else is kept from the others.
    /// </summary>
    /// <exception cref="ModelFileException">The folder cannot be read.</exception>
    public static IEnumerable<AdapterPlace> List(string folder)
    {
        string[] entries;
        try
        {
            entries = Directory.Exists(folder) ? Directory.GetFileSystemEntries(folder) : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(folder, "", $"cannot be read: {failure.Message.TrimEnd('.')}", "Check the folder's rights", failure);
        }
        return entries.Order(StringComparer.Ordinal).Where(IsAdapter)
            .SelectMany(path => NamesIfWhole(path).Select(name => new AdapterPlace(name, KeyOf(path))));
    }

    /// <summary>Finds an adapter.</summary>
    /// <param name="folder">The library's folder.</param>
    /// <param name="name">A name in it, a path, or <c>PATH:NAME</c>.</param>
    /// <exception cref="ModelFileException">There is none, or there are two.</exception>
    public static AdapterPlace Find(string folder, string name)
    {
        if (IsPlainName(name))
        {
            // A file or folder of the name itself, before those of shared factors are opened.
            string[] places = [Path.Combine(folder, name), Path.Combine(folder, name + Extension)], own = [.. places.Where(Path.Exists).Where(IsAdapter)];
            AdapterPlace[] found = own.Length == 1 && NamesOf(own[0]) is [string only] && only == name ? [new(name, KeyOf(own[0]))]
                : [.. List(folder).Where(place => place.Name == name)];
            if (found.Length > 1)
                throw Twice(folder, name);
            if (found.Length == 1)
                return found[0];
            // A task's name stands for the adapter that serves it.
            if (!Path.Exists(name) && TaskMap.Find(folder, name) is { } serving && serving != name && TaskMap.Find(folder, serving) is null)
                return Find(folder, serving);
            if (!Path.Exists(name))
            {
                string[] names = [.. List(folder).Select(place => place.Name)];
                throw new ModelFileException(folder, "", $"has no adapter {UntrustedText.Quote(name)}",
                    names.Length == 0 ? "Name a PEFT folder or a GGUF adapter, or put some into the folder"
                        : $"There are {string.Join(", ", names.Take(12).Select(UntrustedText.Quote))}");
            }
        }
        if (!Path.Exists(name) && name.LastIndexOf(':') is > 1 and int at && File.Exists(name[..at]))
            return new(name[(at + 1)..], KeyOf(name[..at]));
        if (!Path.Exists(name))
            throw new ModelFileException(name, "", "there is no such file or folder", "Name an adapter of the library, a PEFT folder or a GGUF adapter");
        string[] members = NamesOf(name);
        return members.Length == 1 ? new(members[0], KeyOf(name)) : throw new ModelFileException(name, "", $"has {members.Length} adapters",
            $"Name one of them as PATH:NAME, such as {UntrustedText.Quote(members.FirstOrDefault() ?? "")}");
    }

    public static ModelFileException Twice(string folder, string name) =>
        new(folder, "", $"has two adapters of the name {UntrustedText.Quote(name)}", "Rename one of them, or name it by its path");

    private static bool IsPlainName(string name) => name.AsSpan().IndexOfAny(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar) < 0
        && name is not ("." or "..");

    private static bool IsAdapter(string path) => Directory.Exists(path) ? PeftFolder.IsAt(path) : path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase);

    private static string[] NamesIfWhole(string path)
    {
        try
        {
            return NamesOf(path);
        }
        catch (ModelFileException)
        {
            return [LoraFile.NameOf(path)];
        }
    }

    private static string[] NamesOf(string path)
    {
        if (Directory.Exists(path) || !path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))
            return [LoraFile.NameOf(path)];
        using GgufFile file = GgufFile.Open(path);
        return file.Metadata.GetOr("adapter.type", "") == GgufAdapters.Shared ? file.Metadata.Get<string[]>(GgufAdapters.NamesKey) : [LoraFile.NameOf(path)];
    }

    private static AdapterFileKey KeyOf(string path)
    {
        string full = Path.GetFullPath(path), weights = Directory.Exists(path) ? PeftFolder.WeightsAt(full) : full;
        FileInfo file = new(weights);
        try
        {
            return new(full, file.Exists ? file.Length : 0, file.LastWriteTimeUtc);
        }
        catch (IOException failure)
        {
            throw new ModelFileException(path, "", $"cannot be read: {failure.Message.TrimEnd('.')}", "Check the file", failure);
        }
    }
}
