using MeKi.Model.Files;

namespace MeKi.Model.Tests.Files;

public sealed class MappedFileTest : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(100_001)]
    public unsafe void Maps_the_whole_file(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        using var file = MappedFile.Open(_folder.Add("bytes", bytes));

        Assert.Equal(length, file.Length);
        Assert.Equal(_folder["bytes"], file.Path);
        Assert.Equal(bytes, file.Span(0, length).ToArray());
        Assert.Equal(bytes[^1], file.Pointer[length - 1]);
        Assert.Equal(bytes[(length / 2)..], file.Span(length / 2, length - (length / 2)).ToArray());
        Assert.True(file.Span(length, 0).IsEmpty);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_let_go_is_read_once_more(bool copy)
    {
        byte[] bytes = new byte[100_001];
        new Random(1).NextBytes(bytes);
        using var file = MappedFile.Open(_folder.Add("bytes", bytes), copy);
        Assert.Equal(bytes, file.Span(0, bytes.Length).ToArray());
        foreach ((long offset, long length) in new (long, long)[] { (0, bytes.Length), (5000, 1), (4097, 50_000), (100_001, 0) })
            file.LetGo(offset, length);
        Assert.Equal(bytes, file.Span(0, bytes.Length).ToArray());
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, -1)]
    [InlineData(0, 11)]
    [InlineData(10, 1)]
    [InlineData(11, 0)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(long.MaxValue, int.MaxValue)]
    public void Gives_nothing_outside_the_file(long offset, int length)
    {
        using var file = MappedFile.Open(_folder.Add("ten", new byte[10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Span(offset, length).Length);
    }

    [Fact]
    public void Missing_file() => Refused(_folder["none"], "does not exist");

    [Fact]
    public void Missing_folder() => Refused(_folder["none/none"], "does not exist");

    [Fact]
    public void Folder_instead_of_file() => Refused(_folder.FullName, "is a folder");

    [Fact]
    public void Empty_file() => Refused(_folder.Add("empty", []), "is empty");

    [Fact]
    public void Empty_path() => Refused("", "cannot be opened");

    [Fact]
    public void Path_with_a_zero_character() => Refused("a\0b", "cannot be opened");

    [Fact]
    public void Device() => Refused(OperatingSystem.IsWindows() ? "NUL" : "/dev/zero", "");

    [Fact]
    public void File_that_may_not_be_read()
    {
        string path = _folder.Add("secret", [1]);
        // The superuser and Windows do not know this obstacle.
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
            return;
        File.SetUnixFileMode(path, UnixFileMode.None);
        Refused(path, "may not be read");
    }

    [Fact]
    public void Symbolic_link_is_followed()
    {
        if (OperatingSystem.IsWindows())
            return;
        File.CreateSymbolicLink(_folder["link"], _folder.Add("target", [1, 2, 3]));
        using var file = MappedFile.Open(_folder["link"]);
        Assert.Equal([1, 2, 3], file.Span(0, 3).ToArray());
    }

    [Fact]
    public void Reference_outlives_dispose()
    {
        var file = MappedFile.Open(_folder.Add("bytes", [1, 2, 3]));
        Assert.True(file.TryAddReference());
        Assert.True(file.TryAddReference());
        file.Dispose();
        file.Dispose();
        Assert.False(file.TryAddReference());
        file.ReleaseReference();
        Assert.Equal(2, file.Span(1, 1)[0]);
        file.ReleaseReference();
        Assert.Throws<ObjectDisposedException>(() => file.Span(1, 1)[0]);
        Assert.False(file.TryAddReference());
    }

    [Fact]
    public void References_do_not_allocate()
    {
        using var file = MappedFile.Open(_folder.Add("bytes", [1]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            if (file.TryAddReference())
                file.ReleaseReference();
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void References_race_with_dispose()
    {
        string path = _folder.Add("bytes", [42]);
        for (int round = 0; round < 200; round++)
        {
            var file = MappedFile.Open(path);
            int sum = 0;
            Parallel.Invoke(() => sum = Use(file), file.Dispose);
            Assert.Equal(0, sum % 42);
            Assert.Throws<ObjectDisposedException>(() => file.Span(0, 1)[0]);
        }
    }

    private static int Use(MappedFile file)
    {
        int sum = 0;
        for (int i = 0; i < 1000 && file.TryAddReference(); i++)
        {
            sum += file.Span(0, 1)[0];
            file.ReleaseReference();
        }
        return sum;
    }

    private static void Refused(string path, string problem)
    {
        var e = Assert.Throws<ModelFileException>(() => MappedFile.Open(path));
        Assert.Equal(path, e.Path);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }
}
