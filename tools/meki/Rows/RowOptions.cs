using System.CommandLine;
using MeKi.Store;
using MeKi.Store.Storage;

namespace MeKi.Tool.Rows;

/// <summary>The options of a command that say how the row file is read.</summary>
internal sealed class RowOptions
{
    private readonly NumberOption<double> _cache = new("--row-cache", [],
        "Megabytes of expert rows kept in memory.", 0, 1 << 20, new RowStoreOptions().CacheBytes / (double)(1 << 20));
    private readonly Option<bool> _mapped = new("--map-rows") { Description = "Read the row file through a memory map." };
    private readonly Option<string?> _storage = new("--storage")
    {
        Description = "Read no faster than such a device: sd, emmc, ufs, nvme.",
        HelpName = "DEVICE",
    };


    public RowOptions()
    {
        _storage.AcceptOnlyFromAmong([.. StorageProfile.All.Select(profile => profile.Name)]);
    }

    public void AddTo(Command command)
    {
        command.Add(_cache);
        command.Add(_mapped);
    }

    /// <summary>Adds <c>--storage</c> too: for measurements.</summary>
    public void AddWithStorageTo(Command command)
    {
        AddTo(command);
        command.Add(_storage);
    }

    public RowStoreOptions Of(ParseResult parsed)
    {
        StorageProfile? profile = StorageProfile.All.FirstOrDefault(each => each.Name == parsed.GetValue(_storage));
        return new()
        {
            CacheBytes = (long)(_cache.Of(parsed) * (1 << 20)),
            MemoryMapped = parsed.GetValue(_mapped),
            Before = profile is null ? null : source => new SlowStorage(source, profile, TimeProvider.System),
        };
    }

    /// <summary>What a report should say of them, beyond the defaults.</summary>
    public IEnumerable<string> Describe(ParseResult parsed)
    {
        if (parsed.GetResult(_cache) is { Implicit: false })
            yield return FormattableString.Invariant($"row cache {_cache.Of(parsed)} MB");
        if (parsed.GetValue(_mapped))
            yield return "mapped rows";
        if (parsed.GetValue(_storage) is { } storage)
            yield return storage;
    }
}
