using MeKi.Model;
using MeKi.Model.Adapters;

namespace MeKi.Server;

/// <summary>
/// The adapters that requests may name: those of the model's library, and those it was loaded with. Each has a number, which stays the same as long as the
/// server runs. A request never names a path.
/// </summary>
internal sealed class ServedAdapters
{
    private readonly MeKiModel _model;
    private readonly Lock _lock = new();

    // What was given on the command line comes first, as with llama.cpp.
    private readonly List<string> _names;

    public ServedAdapters(MeKiModel model) => (_model, _names) = (model, [.. model.DefaultAdapters.Select(each => each.Name)]);

    /// <summary>The adapters of requests that name none.</summary>
    /// <exception cref="ModelFileException">One cannot be used. Nothing has changed.</exception>
    public IReadOnlyList<AdapterChoice> Active
    {
        get => _model.DefaultAdapters;
        set => _model.DefaultAdapters = value;
    }

    /// <summary>All adapters by their numbers.</summary>
    /// <exception cref="ModelFileException">The library's folder cannot be read.</exception>
    public string[] Names()
    {
        string[] found = [.. _model.Adapters.AllNames.Distinct().Order(StringComparer.Ordinal)];
        lock (_lock)
        {
            _names.AddRange(found.Except(_names));
            return [.. _names];
        }
    }

    /// <summary>Brings an adapter to memory, where it stays until what is given is disposed; null where its scale is 0.</summary>
    /// <exception cref="ModelFileException">It cannot be used.</exception>
    public IDisposable? Hold(AdapterChoice choice) => _model.Adapters.Acquire([choice]);

    /// <summary>The adapter of a number; null where there is none.</summary>
    public string? Find(int number) => Names() is var names && number < names.Length ? names[number] : null;

    /// <summary>The adapter of a name; null where there is none.</summary>
    public string? Find(string name) => Names().Contains(name) ? name : null;
}
