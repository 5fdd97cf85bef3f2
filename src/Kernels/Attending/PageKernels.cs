using MeKi.Kernels.Kv;

namespace MeKi.Kernels.Attending;

/// <summary>Scores over keys, and weighted sums over values, of pages in one format.</summary>
internal abstract unsafe class PageKernels
{
    /// <summary>From so many rows on, widening keys and values once for all is cheaper than in registers for each two.</summary>
    protected const int TiledRows = 8;

    /// <inheritdoc cref="AttentionKernels.Score"/>
    public abstract void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores);

    /// <inheritdoc cref="AttentionKernels.Sum"/>
    public abstract void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride);
}
