using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Adapters;

/// <summary>Which adapter of a folder serves which task: <c>tasks.json</c>, an object of names.</summary>
internal static class TaskMap
{
    public const string FileName = "tasks.json";

    /// <summary>The adapter of a task; null where the folder has no map, or the map not the task.</summary>
    /// <exception cref="ModelFileException">The map is damaged.</exception>
    public static string? Find(string folder, string task)
    {
        string path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonPlace.Read(path, root => root.TryText(task)) : null;
    }

    /// <summary>Writes a map.</summary>
    /// <exception cref="ModelFileException">It cannot be written.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, string> map)
    {
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text, new() { Indented = true }))
        {
            json.WriteStartObject();
            foreach ((string task, string adapter) in map)
                json.WriteString(task, adapter);
            json.WriteEndObject();
        }
        PendingFile.Write(path, text.Length, text.WriteTo);
    }
}
