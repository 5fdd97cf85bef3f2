using System.Security.Cryptography;

namespace MeKi.Model.Adapters;

/// <summary>Adapters that are computed with together, held in memory until disposed, in an order that does not depend on that of the choices.</summary>
internal sealed class AdapterSet : IDisposable
{
    /// <summary>Bytes of <see cref="Identity"/>.</summary>
    public const int IdentityBytes = 24;

    private readonly AdapterLibrary _library;
    private readonly (PackedAdapter Adapter, float Scale)[] _adapters;
    private byte[]? _identity;
    private bool _disposed;

    internal AdapterSet(AdapterLibrary library, (PackedAdapter Adapter, float Scale)[] adapters, IReadOnlyList<AdapterChoice> choices) =>
        (_library, _adapters, Choices) = (library, adapters, choices);

    /// <summary>As they were asked for.</summary>
    public IReadOnlyList<AdapterChoice> Choices { get; }

    /// <summary>How many adapters.</summary>
    public int Count => _adapters.Length;

    /// <summary>One of them, and what it is multiplied with.</summary>
    public (PackedAdapter Adapter, float Scale) this[int index] => _adapters[index];

    /// <summary>The same for sets that compute the same, also where adapters were read anew meanwhile.</summary>
    public string Key => field ??= string.Join('\n', _adapters.Select(each => $"{each.Adapter.Key} {each.Scale:r}"));

    /// <summary>Hash of the adapters' contents and scales.</summary>
    public byte[] Identity => _identity ??= Hash();

    /// <summary>Whether two sets compute the same; null is none.</summary>
    public static bool Same(AdapterSet? one, AdapterSet? other)
    {
        if (ReferenceEquals(one, other) || one is null || other is null || one.Count != other.Count)
            return ReferenceEquals(one, other);
        for (int i = 0; i < one.Count; i++)
        {
            if (one._adapters[i] != other._adapters[i])
                return false;
        }
        return true;
    }

    /// <summary>The set once more, held for somebody else.</summary>
    public AdapterSet Share() => _library.Hold(_adapters, Choices);

    /// <summary>Lets go of the adapters.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _library.Release(_adapters);
    }

    private byte[] Hash()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // By content: names are their owner's affair.
        foreach ((byte[] identity, float scale) in _adapters.Select(each => (each.Adapter.Identity, each.Scale))
            .OrderBy(each => Convert.ToHexString(each.Identity), StringComparer.Ordinal))
        {
            hash.AppendData(identity);
            hash.AppendData(BitConverter.GetBytes(scale));
        }
        return hash.GetHashAndReset()[..IdentityBytes];
    }
}
