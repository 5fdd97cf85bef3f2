using System.Diagnostics;
using System.Globalization;
using MeKi.Kernels;
using MeKi.Model.Layers;

namespace MeKi.Model.Adapters;

/// <summary>
/// A model's adapters on storage: PEFT folders, GGUF adapters and files of shared factors in one folder, <c>adapters</c> beside the model unless
/// <see cref="LoadOptions.AdapterFolder"/> says otherwise. One is read when it is first used, and stays in memory until others need its room
/// (<see cref="LoadOptions.AdapterBytes"/>); those in use stay in any case. All members may be called from any thread.
/// </summary>
public sealed class AdapterLibrary
{
    /// <summary>The folder's name beside a model.</summary>
    public const string FolderName = "adapters";

    private readonly Lock _lock = new();
    private readonly ModelWeights _weights;
    private readonly ModelConfig _config;
    private readonly ComputePool _pool;
    private readonly long _budget;
    private readonly Dictionary<AdapterKey, PackedAdapter> _held = [];
    private readonly Dictionary<AdapterFileKey, Dictionary<(string Name, bool IsCodes), PackedFactor>> _shared = [];
    private long _uses, _loads, _hits, _evictions, _bytesRead, _bytesHeld;
    private TimeSpan _loadTime;

    internal AdapterLibrary(string folder, long budget, ModelWeights weights, ModelConfig config, ComputePool pool) =>
        (Folder, _budget, _weights, _config, _pool) = (folder, budget, weights, config, pool);

    /// <summary>The folder, which need not exist.</summary>
    public string Folder { get; }

    /// <summary>The names in the folder, sorted. Files of shared factors are opened for theirs; a file that is damaged has its own name.</summary>
    /// <exception cref="ModelFileException">The folder cannot be read, or two adapters have one name.</exception>
    public IReadOnlyList<string> Names
    {
        get
        {
            string[] names = [.. AllNames.Order(StringComparer.Ordinal)];
            for (int i = 1; i < names.Length; i++)
            {
                if (names[i] == names[i - 1])
                    throw AdapterFolder.Twice(Folder, names[i]);
            }
            return names;
        }
    }

    /// <summary>The names in the folder, one that is there twice included, which cannot be used.</summary>
    /// <exception cref="ModelFileException">The folder cannot be read.</exception>
    internal IEnumerable<string> AllNames => AdapterFolder.List(Folder).Select(place => place.Name);

    /// <summary>What it has done so far.</summary>
    public AdapterCounters Counters
    {
        get
        {
            lock (_lock)
                return new(_loads, _bytesRead, _loadTime, _hits, _evictions, _bytesHeld);
        }
    }

    /// <summary>Brings adapters to memory and holds them there; null for none.</summary>
    /// <exception cref="ArgumentException">One is named twice, or a scale is not finite.</exception>
    /// <exception cref="ModelFileException">One cannot be read, is damaged or of another model, or there is none of the name.</exception>
    internal AdapterSet? Acquire(IReadOnlyList<AdapterChoice>? choices)
    {
        if (choices is null || choices.Count == 0)
            return null;
        foreach (AdapterChoice choice in choices)
        {
            ArgumentNullException.ThrowIfNull(choice, nameof(choices));
            ArgumentException.ThrowIfNullOrEmpty(choice.Name, nameof(choices));
            if (!float.IsFinite(choice.Scale))
                throw new ArgumentException($"The scale of the adapter {UntrustedText.Quote(choice.Name)} is not a finite number.", nameof(choices));
        }
        (AdapterPlace Place, float Scale)[] places = [.. choices.Where(choice => choice.Scale != 0)
            .Select(choice => (AdapterFolder.Find(Folder, choice.Name), choice.Scale)).OrderBy(each => each.Item1.Key.Path, StringComparer.Ordinal)
            .ThenBy(each => each.Item1.Name, StringComparer.Ordinal)];
        if (places.GroupBy(each => (each.Place.Key.Path, each.Place.Name)).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"The adapter {UntrustedText.Quote(twice.Key.Name)} is named twice.", nameof(choices));
        if (places.Length == 0)
            return null;
        List<(PackedAdapter, float)> adapters = [];
        lock (_lock)
        {
            try
            {
                foreach ((AdapterPlace place, float scale) in places)
                {
                    PackedAdapter adapter = Load(place);
                    adapter.Pins++;
                    adapters.Add((adapter, scale));
                }
            }
            catch
            {
                foreach ((PackedAdapter adapter, _) in adapters)
                    adapter.Pins--;
                throw;
            }
        }
        return new(this, [.. adapters], [.. choices]);
    }

    internal AdapterSet Hold((PackedAdapter Adapter, float Scale)[] adapters, IReadOnlyList<AdapterChoice> choices)
    {
        lock (_lock)
        {
            foreach ((PackedAdapter adapter, _) in adapters)
                adapter.Pins++;
        }
        return new(this, adapters, choices);
    }

    internal void Release((PackedAdapter Adapter, float Scale)[] adapters)
    {
        lock (_lock)
        {
            foreach ((PackedAdapter adapter, _) in adapters)
                adapter.Pins--;
            MakeRoom();
        }
    }

    private PackedAdapter Load(AdapterPlace place)
    {
        AdapterKey key = new(place.Key, place.Name);
        if (_held.TryGetValue(key, out PackedAdapter? held))
        {
            _hits++;
            held.LastUse = ++_uses;
            return held;
        }
        long start = Stopwatch.GetTimestamp();
        using LoraFile file = LoraFile.Open(place.Key.Path, _config);
        LoraAdapter adapter = file.Adapters.FirstOrDefault(each => each.Name == place.Name)
            ?? throw new ModelFileException(place.Key.Path, "", $"has no adapter {UntrustedText.Quote(place.Name)} any more", "It was exchanged; name another");
        Dictionary<(string, bool), PackedFactor>? shared = file.Adapters.Count > 1 ? _shared.GetValueOrDefault(place.Key) ?? (_shared[place.Key] = []) : null;
        PackedAdapter packed = PackedAdapter.Pack(adapter, string.Create(CultureInfo.InvariantCulture,
            $"{place.Key.Path}|{place.Name}|{place.Key.Length}|{place.Key.Written.Ticks}"), _weights, _config, _pool, shared);
        packed.LastUse = ++_uses;
        _held.Add(key, packed);
        _loads++;
        _bytesRead += adapter.ByteLength;
        _bytesHeld += packed.Factors.Where(factor => factor.Users == 1).Sum(factor => factor.Bytes);
        packed.Pins++;
        MakeRoom();
        packed.Pins--;
        _loadTime += Stopwatch.GetElapsedTime(start);
        return packed;
    }

    private void MakeRoom()
    {
        while (_bytesHeld > _budget && _held.Any(each => each.Value.Pins == 0))
        {
            (AdapterKey key, PackedAdapter oldest) = _held.Where(each => each.Value.Pins == 0).MinBy(each => each.Value.LastUse);
            _held.Remove(key);
            _evictions++;
            foreach (PackedFactor factor in oldest.Factors)
            {
                if (--factor.Users > 0)
                    continue;
                _bytesHeld -= factor.Bytes;
                factor.Free();
                if (_shared.TryGetValue(key.File, out Dictionary<(string, bool), PackedFactor>? shared))
                {
                    foreach ((string, bool) name in shared.Where(each => each.Value == factor).Select(each => each.Key).ToArray())
                        shared.Remove(name);
                }
            }
        }
    }

    private sealed record AdapterKey(AdapterFileKey File, string Name);
}
