using MeKi.Model.Adapters;
using MeKi.Model.Layers;

namespace MeKi.Model.Embeddings;

/// <summary>
/// Runs texts through a model together: each batch takes as many tokens as fit, of as many texts, and reads the weights once. A text's vector has the same bits
/// whatever stands beside it.
/// </summary>
internal static class EmbeddingPass
{
    /// <summary>Pools what the model makes of each text's tokens.</summary>
    /// <param name="model">The model; its files are held open.</param>
    /// <param name="adapters">What it computes with besides; null for nothing.</param>
    /// <param name="texts">Token ids of each text, at least one.</param>
    /// <param name="pooling">How.</param>
    /// <param name="cancellationToken">Ends the work between two batches.</param>
    /// <returns>A vector of each, [d], not normalised.</returns>
    public static double[][] Run(
        LoadedModel model, AdapterSet? adapters, IReadOnlyList<int[]> texts, Pooling pooling, CancellationToken cancellationToken)
    {
        int size = model.Config.HiddenSize;
        double[][] sums = [.. texts.Select(_ => new double[size])];
        Pass pass = model.CreatePass();
        Dictionary<int, KvCache> caches = [];
        try
        {
            float[] hidden = [];
            List<int> tokens = new(Pass.MaxBatch);
            List<Segment> segments = [];
            List<(int Text, int Wanted)> parts = [];
            for (int text = 0, at = 0; text < texts.Count || tokens.Count > 0;)
            {
                if (text < texts.Count && tokens.Count < Pass.MaxBatch)
                {
                    int n = Math.Min(Pass.MaxBatch - tokens.Count, texts[text].Length - at);
                    int wanted = pooling switch
                    {
                        Pooling.Mean => n,
                        Pooling.Last => at + n == texts[text].Length ? 1 : 0,
                        // Of a batch's tokens the last are given: the first comes with those behind it.
                        _ => at == 0 ? n : 0,
                    };
                    if (!caches.TryGetValue(text, out KvCache? cache))
                        caches.Add(text, cache = new(model.Kv));
                    tokens.AddRange(texts[text].AsSpan(at, n));
                    segments.Add(new(cache, n, wanted, adapters));
                    parts.Add((text, wanted));
                    (text, at) = at + n == texts[text].Length ? (text + 1, 0) : (text, at + n);
                    continue;
                }
                cancellationToken.ThrowIfCancellationRequested();
                int rows = parts.Sum(part => part.Wanted);
                if (hidden.Length < rows * size)
                    hidden = new float[rows * size];
                pass.RunToHidden(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tokens), [.. segments], hidden.AsSpan(0, rows * size),
                    cancellationToken);
                Add(parts, hidden, size, pooling, sums);
                foreach ((int done, _) in parts)
                {
                    // The last text of a batch may go on in the next.
                    if (done < text && caches.Remove(done, out KvCache? cache))
                        cache.Dispose();
                }
                tokens.Clear();
                segments.Clear();
                parts.Clear();
            }
        }
        finally
        {
            pass.Branch?.Rows.Dispose();
            foreach (KvCache cache in caches.Values)
                cache.Dispose();
        }
        for (int text = 0; pooling == Pooling.Mean && text < sums.Length; text++)
        {
            for (int i = 0; i < size; i++)
                sums[text][i] /= texts[text].Length;
        }
        return sums;
    }

    // Token by token in float64: the same bits however the text was cut.
    private static void Add(List<(int Text, int Wanted)> parts, float[] hidden, int size, Pooling pooling, double[][] sums)
    {
        int row = 0;
        foreach ((int text, int wanted) in parts)
        {
            for (int token = 0; token < (pooling == Pooling.Cls ? Math.Min(wanted, 1) : wanted); token++)
            {
                ReadOnlySpan<float> vector = hidden.AsSpan((row + token) * size, size);
                for (int i = 0; i < size; i++)
                    sums[text][i] += vector[i];
            }
            row += wanted;
        }
    }
}
