namespace MeKi.Fuzz.Readers;

/// <summary>Something that reads bytes from outside.</summary>
internal abstract class Reader : IDisposable
{
    /// <summary>Its name, which is also that of its folder in the corpus.</summary>
    public abstract string Name { get; }

    /// <summary>Whether what an input makes the engine do counts as well as what reading it takes: a template or a pattern is a program.</summary>
    public virtual bool IsProgram => false;

    /// <summary>Sound inputs. Made when they are first asked for.</summary>
    public IReadOnlyList<byte[]> Seeds => field ??= [.. Sound()];

    /// <summary>Changes an input.</summary>
    public abstract byte[] Mutate(byte[] input, byte[] other, Random random);

    /// <summary>Reads an input, and uses it where it is accepted. What it throws is judged.</summary>
    /// <param name="input">The bytes.</param>
    /// <param name="random">Chooses the way; of the same input it is the same.</param>
    /// <exception cref="CorruptionException">It was damaged, has checksums, and was accepted.</exception>
    public abstract void Read(byte[] input, Random random);

    /// <summary>Whether an exception is an error that callers expect.</summary>
    public virtual bool IsTyped(Exception failure) => failure is MeKiException;

    public void Dispose() => Close();

    protected virtual void Close()
    {
    }

    protected abstract IEnumerable<byte[]> Sound();

    /// <summary>Fails where what must be is not.</summary>
    protected static void Require(bool holds, string what)
    {
        if (!holds)
            throw new CorruptionException(what);
    }
}

/// <summary>An input did what none may do.</summary>
internal sealed class CorruptionException(string message) : Exception(message);
