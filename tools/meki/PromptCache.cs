using MeKi.Model;

namespace MeKi.Tool;

/// <summary>The session file of <c>--prompt-cache</c>.</summary>
internal sealed class PromptCache
{
    private static int s_saving;

    /// <summary>Finds out, before anything is computed, whether the file can be written at the end.</summary>
    /// <param name="path">The file; it need not exist.</param>
    /// <exception cref="ModelFileException">It could not be written.</exception>
    public PromptCache(string path)
    {
        Path = path;
        if (Directory.Exists(path))
            throw new ModelFileException(path, "", "cannot be written: it is a folder", "Name a file");
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) ?? "";
        if (!Directory.Exists(folder))
            throw new ModelFileException(path, "", "cannot be written: its folder does not exist", "Make the folder first");
        try
        {
            using FileStream probe = new(System.IO.Path.Combine(folder, $"meki-{Guid.NewGuid():n}.partial"), new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Options = FileOptions.DeleteOnClose,
            });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(path, "", "cannot be written: its folder takes no file", "Choose a folder you may write to", failure);
        }
    }

    /// <summary>Whether a session is being saved: then the end of the process has to wait.</summary>
    public static bool IsBeingSaved => Volatile.Read(ref s_saving) > 0;

    public string Path { get; }

    /// <summary>The session in the file; null where there is no file yet.</summary>
    /// <exception cref="SessionFileException">The file is not a session of this model.</exception>
    public MeKiSession? Load(MeKiModel model) => File.Exists(Path) ? model.LoadSession(Path) : null;

    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    public void Save(MeKiSession session)
    {
        Interlocked.Increment(ref s_saving);
        try
        {
            session.Save(Path);
        }
        finally
        {
            Interlocked.Decrement(ref s_saving);
        }
    }
}
