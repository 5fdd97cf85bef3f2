using System.Globalization;

namespace MeKi.Model.Adapters;

/// <summary>An adapter to compute with, and how much of it.</summary>
/// <param name="Name">Its name in the model's library (<see cref="AdapterLibrary"/>), or the path of a PEFT folder or GGUF adapter; one of a file of shared
/// factors as <c>PATH:NAME</c>.</param>
/// <param name="Scale">What it adds is multiplied with this; 1 is as it was trained, 0 leaves it out, a negative number takes it away.</param>
public sealed record AdapterChoice(string Name, float Scale = 1)
{
    /// <summary>Reads <c>NAME</c> or <c>NAME=SCALE</c>.</summary>
    /// <param name="text">The text; what stands behind its last <c>=</c> is the scale where that is a number.</param>
    /// <exception cref="FormatException">There is no name, or the scale is no finite number.</exception>
    public static AdapterChoice Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        (string name, float scale) = (text, 1);
        if (text.LastIndexOf('=') is >= 0 and int at
            && float.TryParse(text.AsSpan(at + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out float given))
            (name, scale) = (text[..at], given);
        if (name.Length == 0 || !float.IsFinite(scale))
            throw new FormatException($"{UntrustedText.Quote(text)} is not NAME or NAME=SCALE with a finite number.");
        return new(name, scale);
    }
}
