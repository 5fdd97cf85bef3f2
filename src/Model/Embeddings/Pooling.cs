namespace MeKi.Model.Embeddings;

/// <summary>How the vectors of a text's tokens become one.</summary>
public enum Pooling
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>The last token's.</summary>
    Last,

    /// <summary>The first token's.</summary>
    Cls,
}
