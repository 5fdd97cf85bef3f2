using System.CommandLine;
using MeKi.Store;
using MeKi.Store.Storage;

namespace MeKi.Tool.Rows;

/// <summary>The options of a command that say how the row file is read.</summary>
internal sealed class RowOptions
{
    private readonly Option<double> _cache = new("--row-cache") { Description = "Megabytes of expert rows kept in memory.", DefaultValueFactory = _ => new RowStoreOptions().CacheBytes / (double)(1 << 20) };
    private readonly Option<bool> _mapped = new("--map-rows") { Description = "Read the row file through a memory map." };
    private readonly Option<string?> _storage = new("--storage") { Description = "Read no faster than such a device: sd, emmc, ufs, nvme." };

    public RowOptions()
    {
        _storage.AcceptOnlyFromAmong([.. StorageProfile.All.Select(profile => profile.Name)]);
        _cache.Validators.Add(option =>
        {
            if (option.GetValue(_cache) is not (>= 0 and <= 1 << 20))
                option.AddError("--row-cache takes megabytes, from 0 to 1048576.");
        });
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
            CacheBytes = (long)(parsed.GetValue(_cache) * (1 << 20)),
            MemoryMapped = parsed.GetValue(_mapped),
            Before = profile is null ? null : source => new SlowStorage(source, profile, TimeProvider.System),
        };
    }

    /// <summary>What a report should say of them, beyond the defaults.</summary>
    public IEnumerable<string> Describe(ParseResult parsed)
    {
        if (parsed.GetResult(_cache) is { Implicit: false })
            yield return FormattableString.Invariant($"row cache {parsed.GetValue(_cache)} MB");
        if (parsed.GetValue(_mapped))
            yield return "mapped rows";
        if (parsed.GetValue(_storage) is { } storage)
            yield return storage;
    }
}
