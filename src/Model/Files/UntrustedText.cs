namespace MeKi.Model.Files;

/// <summary>Text from a file that goes into a message.</summary>
internal static class UntrustedText
{
    private const int MaxShown = 80;

    /// <summary>Quotes a name so that a hostile one can neither flood the message nor break its line.</summary>
    internal static string Quote(string text)
    {
        ReadOnlySpan<char> shown = text.AsSpan(0, Math.Min(text.Length, MaxShown));
        Span<char> clean = stackalloc char[shown.Length];
        for (int i = 0; i < shown.Length; i++)
            clean[i] = char.IsControl(shown[i]) || char.IsSurrogate(shown[i]) || shown[i] is '\u2028' or '\u2029' ? '?' : shown[i];
        return $"'{clean}{(text.Length > MaxShown ? "..." : "")}'";
    }

    /// <summary>The place that messages about a tensor name.</summary>
    internal static string Tensor(string name) => $"tensor {Quote(name)}";
}
