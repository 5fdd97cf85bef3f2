using System.Diagnostics;
using MeKi.Model.Files;

namespace MeKi.Model.Tests.Files;

/// <summary>One file under several names is told from another file.</summary>
[Trait("Fault", "18.20")]
public sealed class FileIdentityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_itself_through_links_of_files_and_folders_and_by_way_of_other_folders()
    {
        Directory.CreateDirectory(_folder["a"]);
        string file = _folder.Add("a/file", "text"u8);
        File.CreateSymbolicLink(_folder["link"], file);
        File.CreateSymbolicLink(_folder["link of a link"], _folder["link"]);
        Directory.CreateSymbolicLink(_folder["b"], _folder["a"]);
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, file);
        foreach (string name in new[] { file, _folder["link"], _folder["link of a link"], _folder["b/file"], _folder["a/../a/./file"], relative })
        {
            Assert.True(FileIdentity.Same(file, name), name);
            Assert.True(FileIdentity.Same(name, file), name);
        }
    }

    [Fact]
    public void A_hard_link_is_the_file()
    {
        if (OperatingSystem.IsWindows())
            return;
        string file = _folder.Add("file", "text"u8);
        using (Process link = Process.Start("ln", [file, _folder["link"]]))
            link.WaitForExit();
        Assert.True(FileIdentity.Same(file, _folder["link"]));
    }

    [Fact]
    public void A_copy_of_the_same_time_is_another_file()
    {
        string file = _folder.Add("file", "text"u8), copy = _folder.Add("copy", "text"u8);
        File.SetLastWriteTimeUtc(copy, File.GetLastWriteTimeUtc(file));
        Assert.False(FileIdentity.Same(file, copy));
        // Whoever reads either of them meanwhile does not matter.
        using FileStream reader = File.OpenRead(file);
        Assert.False(FileIdentity.Same(file, copy));
        Assert.True(FileIdentity.Same(file, file));
    }

    [Fact]
    public void What_is_no_file_is_no_other_file()
    {
        string file = _folder.Add("file", "text"u8);
        File.CreateSymbolicLink(_folder["broken"], _folder["none"]);
        File.CreateSymbolicLink(_folder["loop"], _folder["loop"]);
        foreach (string name in new[] { _folder["none"], _folder["broken"], _folder["loop"], _folder.FullName, _folder["file/below"] })
        {
            Assert.False(FileIdentity.Same(file, name), name);
            Assert.False(FileIdentity.Same(name, file), name);
        }
    }

    /// <summary>Opening a pipe would wait for whoever writes to it.</summary>
    [Fact]
    public void A_pipe_is_not_opened()
    {
        if (OperatingSystem.IsWindows())
            return;
        string file = _folder.Add("file", "text"u8);
        using (Process make = Process.Start("mkfifo", [_folder["pipe"]]))
            make.WaitForExit();
        File.CreateSymbolicLink(_folder["link"], _folder["pipe"]);
        Assert.False(FileIdentity.Same(file, _folder["pipe"]));
        Assert.False(FileIdentity.Same(file, _folder["link"]));
    }
}
