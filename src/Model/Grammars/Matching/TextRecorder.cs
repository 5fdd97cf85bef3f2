using System.Text;

namespace MeKi.Model.Grammars.Matching;

/// <summary>Keeps the characters of the JSON string that is open.</summary>
internal sealed class TextRecorder
{
    private readonly StringBuilder _text = new();

    /// <summary>The characters so far.</summary>
    public string Text => _text.ToString();

    /// <summary>A string begins.</summary>
    public void Begin() => _text.Clear();

    /// <summary>A character follows.</summary>
    public void Append(int scalar) => _text.Append(new Rune(scalar).ToString());

    /// <summary>The same in another object.</summary>
    public TextRecorder Clone()
    {
        TextRecorder clone = new();
        clone._text.Append(_text);
        return clone;
    }
}
