using MeKi.Kernels;
using MeKi.Kernels.Kv;

namespace MeKi.Model;

/// <summary>What the KV cache of a sequence holds, layer by layer. Layers that read another's keys and values hold none.</summary>
internal sealed class CacheLayout
{
    /// <param name="config">The model.</param>
    /// <param name="keys">Format of keys.</param>
    /// <param name="values">Format of values.</param>
    public CacheLayout(ModelConfig config, KvFormat keys, KvFormat values)
    {
        (Keys, Values, Depth) = (keys, values, config.Layers);
        Layers = [.. Enumerable.Range(0, config.Layers).Where(layer => config.Geometry[layer].KeysFrom == layer)
            .Select(layer => new CachedLayer(layer, config.Geometry[layer].Layout(keys, values), config.Geometry[layer].Window))];
    }

    /// <summary>Format of keys.</summary>
    public KvFormat Keys { get; }

    /// <summary>Format of values.</summary>
    public KvFormat Values { get; }

    /// <summary>Layers of the model.</summary>
    public int Depth { get; }

    /// <summary>The layers that hold keys and values, in order.</summary>
    public IReadOnlyList<CachedLayer> Layers { get; }

    /// <summary>How many of so many tokens, appended behind a position, can be forgotten again while all others stay.</summary>
    public int Revocable(int position, int most)
    {
        for (int i = 0; i < Layers.Count && most > 0; i++)
        {
            while (most > 0 && Layers[i].FirstPage(position + most) != Layers[i].FirstPage(position))
                most--;
        }
        return Math.Max(most, 0);
    }

    /// <summary>Bytes of a page of every layer.</summary>
    public long BlockBytes => Layers.Sum(layer => layer.Pages.PageBytes);

    /// <summary>The most bytes that a sequence of so many positions holds, whose tokens come some at a time.</summary>
    public long BytesOf(int positions)
    {
        long bytes = 0;
        for (int i = 0; i < Layers.Count; i++)
            bytes += Layers[i].Pages.PageBytes * Math.Min(PagesOf(positions), PagesOf(Layers[i].Window) + 1);
        return bytes;

        static long PagesOf(int positions) => ((long)positions + KvPage.Positions - 1) / KvPage.Positions;
    }

    /// <summary>Bytes that a position adds.</summary>
    public long BytesPerPosition => Layers.Sum(layer => layer.Pages.BytesPerPosition);
}

/// <summary>One layer's part of it.</summary>
/// <param name="Index">Which layer.</param>
/// <param name="Pages">What a page holds.</param>
/// <param name="Window">Positions a token sees, its own included; <see cref="int.MaxValue"/> for all.</param>
internal sealed record CachedLayer(int Index, KvLayout Pages, int Window)
{
    /// <summary>The first position that the token behind so many sees: those before it are read no more.</summary>
    public int FirstSeen(int length) => (int)Math.Max(0, length + 1L - Window);

    /// <summary>The page it lies in.</summary>
    public int FirstPage(int length) => FirstSeen(length) / KvPage.Positions;
}
