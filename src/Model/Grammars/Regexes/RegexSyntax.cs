namespace MeKi.Model.Grammars.Regexes;

/// <summary>A regular expression as it is written.</summary>
internal abstract record RegexSyntax
{
    /// <summary>Whether it looks ahead somewhere.</summary>
    public virtual bool LooksAhead => false;
}

/// <summary>One character of a set.</summary>
internal sealed record CharacterSyntax(CharSet Set) : RegexSyntax;

/// <summary>A place between two characters.</summary>
internal sealed record PlaceSyntax(TermKind Kind) : RegexSyntax;

/// <summary>One after the other.</summary>
internal sealed record SequenceSyntax(IReadOnlyList<RegexSyntax> Parts) : RegexSyntax
{
    public override bool LooksAhead { get; } = Parts.Any(static part => part.LooksAhead);
}

/// <summary>One of several.</summary>
internal sealed record ChoiceSyntax(IReadOnlyList<RegexSyntax> Parts) : RegexSyntax
{
    public override bool LooksAhead { get; } = Parts.Any(static part => part.LooksAhead);
}

/// <summary>Several times the same; without a <paramref name="Most"/> any number.</summary>
internal sealed record RepeatSyntax(RegexSyntax Body, int Least, int? Most, int At) : RegexSyntax
{
    public override bool LooksAhead => Body.LooksAhead;
}

/// <summary>What must follow, or must not.</summary>
internal sealed record AheadSyntax(RegexSyntax Body, bool IsNegative) : RegexSyntax
{
    public override bool LooksAhead => true;
}
