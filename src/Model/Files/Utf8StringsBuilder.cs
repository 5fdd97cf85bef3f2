using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>Collects texts for <see cref="Utf8Strings"/>.</summary>
/// <param name="mostBytes">The most bytes that all together have.</param>
internal sealed class Utf8StringsBuilder(int mostBytes)
{
    private readonly byte[] _bytes = new byte[mostBytes];
    private readonly List<int> _ends = [];
    private int _length;

    /// <summary>The text in progress.</summary>
    public Span<byte> Current => _bytes.AsSpan((_ends.Count > 0 ? _ends[^1] : 0).._length);

    /// <summary>Adds bytes to the text in progress.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <summary>Adds the string or the field's name that a reader stands on to the text in progress.</summary>
    /// <exception cref="InvalidOperationException">It is not valid Unicode.</exception>
    public void Append(ref readonly Utf8JsonReader reader) => _length += reader.CopyString(_bytes.AsSpan(_length));

    /// <summary>Forgets the text in progress.</summary>
    public void Undo() => _length = _ends.Count > 0 ? _ends[^1] : 0;

    /// <summary>Ends the text in progress.</summary>
    public void End() => _ends.Add(_length);

    /// <summary>The texts that have ended.</summary>
    public Utf8Strings Build(Func<int, string>? nameOfEmpty = null) => new(_bytes, [.. _ends], nameOfEmpty);
}
