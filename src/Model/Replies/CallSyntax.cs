namespace MeKi.Model.Replies;

/// <summary>How a family of models writes tool calls.</summary>
internal abstract class CallSyntax
{
    /// <summary>Markers that begin a call wherever they stand.</summary>
    public string[] Openers { get; init; } = [];

    /// <summary>What begins a call where nothing but whitespace stands between it and the beginning of the reply, a call or reasoning.</summary>
    public string[] StartOpeners { get; init; } = [];

    /// <summary>Likewise, but only behind another call.</summary>
    public string[] NextOpeners { get; init; } = [];

    /// <summary>Markers behind a call, which mean nothing more.</summary>
    public string[] Closers { get; init; } = [];

    /// <summary>Whether answers are written in it, too.</summary>
    public virtual bool HasAnswers => false;

    /// <summary>Markers within a call.</summary>
    public virtual string[] Inner => [];

    /// <summary>All markers.</summary>
    public IEnumerable<string> Markers => [.. Openers, .. StartOpeners, .. NextOpeners, .. Inner, .. Closers];

    /// <summary>A call ends with one of these characters.</summary>
    public string Ends { get; init; } = "}]";

    /// <summary>Characters that may stand between calls.</summary>
    public string Between { get; init; } = ReplySpace.Characters;

    /// <summary>Reads calls from the opening marker on.</summary>
    /// <param name="text">Stands at the marker.</param>
    /// <param name="tools">The tools that the model knows.</param>
    /// <param name="found">Takes the calls.</param>
    /// <returns>Whether they are whole; where not, the cursor says whether they may become so.</returns>
    public abstract bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found);

    /// <summary>Reads past whichever of some markers stands here.</summary>
    /// <returns>False where that cannot be said yet.</returns>
    protected static bool SkipAny(ref ReplyCursor text, scoped ReadOnlySpan<string> markers, out string? skipped)
    {
        skipped = null;
        foreach (string marker in markers)
        {
            if (!text.Sees(marker, out bool sees))
                return false;
            if (sees)
            {
                skipped = marker;
                return text.Take(marker);
            }
        }
        return true;
    }
}
