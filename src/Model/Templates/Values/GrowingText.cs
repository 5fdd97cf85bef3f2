using System.Text;

namespace MeKi.Model.Templates.Values;

/// <summary>
/// Text that only grows at its end. Templates gather a conversation by appending to one variable: a copy for each message would take the square of the
/// conversation's length.
/// </summary>
internal sealed class GrowingText
{
    private readonly Run _run;
    private readonly StringBuilder _text = new();

    public GrowingText(string begin, Run run)
    {
        _run = run;
        Append(begin);
    }

    public int Length => _text.Length;

    public void Append(string more)
    {
        if (_text.Length + (long)more.Length > Run.MostCharacters)
            throw new TemplateFault($"the template makes too much: a text of more than {Run.MostCharacters >> 20} million characters");
        _run.Make(more.Length);
        _text.Append(more);
    }

    /// <summary>What its first characters are.</summary>
    public string Begin(int length)
    {
        _run.Make(length);
        return _text.ToString(0, length);
    }
}
