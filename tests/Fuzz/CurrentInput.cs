using System.IO.MemoryMappedFiles;
using System.Text;

namespace MeKi.Fuzz;

/// <summary>The input in progress, in memory that outlives the process that works on it.</summary>
internal sealed class CurrentInput : IDisposable
{
    private const int MostBytes = 4 << 20, NameBytes = 64, HeaderBytes = NameBytes + sizeof(int);

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private string? _reader;

    /// <param name="path">The file; made where there is none.</param>
    public CurrentInput(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, HeaderBytes + MostBytes);
        _view = _file.CreateViewAccessor();
    }

    public void Set(string reader, byte[] input)
    {
        int length = Math.Min(input.Length, MostBytes);
        if (reader != _reader)
        {
            byte[] name = new byte[NameBytes];
            Encoding.ASCII.GetBytes(reader, name);
            _view.WriteArray(0, name, 0, NameBytes);
            _reader = reader;
        }
        _view.Write(NameBytes, length);
        _view.WriteArray(HeaderBytes, input, 0, length);
    }

    /// <summary>What was set last.</summary>
    public (string Reader, byte[] Input) Get()
    {
        byte[] name = new byte[NameBytes];
        _view.ReadArray(0, name, 0, NameBytes);
        byte[] input = new byte[_view.ReadInt32(NameBytes)];
        _view.ReadArray(HeaderBytes, input, 0, input.Length);
        return (Encoding.ASCII.GetString(name).TrimEnd('\0'), input);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
