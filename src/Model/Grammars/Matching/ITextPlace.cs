using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Matching;

/// <summary>A place within a text, in whatever spelling.</summary>
internal interface ITextPlace
{
    /// <summary>The text.</summary>
    TextState State { get; }

    /// <summary>How it is written.</summary>
    TextSpelling Spelling { get; }

    /// <summary>How far the spelling is read.</summary>
    SpellingState Spelt { get; }

    /// <summary>No token that stays in the text leads to a place with a longer <see cref="MatchState.Rest"/>.</summary>
    int MostRest { get; }

    /// <summary>The same text further on; null where it cannot be completed.</summary>
    /// <param name="position">The place in the languages of the text.</param>
    /// <param name="state">How far the spelling is read behind it.</param>
    MatchState? Within(TextPosition position, SpellingState state);

    /// <summary>The place behind the text's end; null where the text may not be one of these.</summary>
    /// <param name="ends">The languages that it is of, a bit for each.</param>
    MatchState? Behind(ulong ends);
}
