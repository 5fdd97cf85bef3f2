using MeKi.Kernels;
using MeKi.Model.Adapters;
using MeKi.Store;
using Microsoft.Extensions.Logging;

namespace MeKi.Model;

/// <summary>How a model is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>
    /// Threads that compute, from 1 to <see cref="ComputePool.MaxThreads"/>; null takes one for each physical performance core that this process may use (<see
    /// cref="Kernels.Processors.ProcessorTopology"/>).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is neither.</exception>
    public int? Threads
    {
        get;
        init => field = value is not (< 1 or > ComputePool.MaxThreads) ? value
            : throw new ArgumentOutOfRangeException(nameof(Threads), value, $"{nameof(Threads)} must be from 1 to {ComputePool.MaxThreads}.");
    }

    /// <summary>
    /// Leaves the MeKi branch out: the same weights without the injection and without the row file. For measuring what the branch costs; the text suffers.
    /// </summary>
    public bool WithoutMeKi { get; init; }

    /// <summary>
    /// Reads the model file into memory of this process instead of mapping it. A mapped file that another process cuts short ends this process (SIGBUS) when
    /// the lost bytes are read; a copy does not depend on the file any more, and a file that is short while it is read is a <see cref="ModelFileException"/>.
    /// Loading takes longer, and processes do not share the memory. A file whose matrices lie in panels takes its size once; one that has to be packed takes it
    /// twice while it loads, and a Hugging Face checkpoint with the MeKi branch as long as the model lives. Rows are read by position unless
    /// <see cref="RowStoreOptions.MemoryMapped"/> says otherwise.
    /// </summary>
    public bool CopyWeights { get; init; }

    /// <summary>How the row file is read: the memory for its rows, and the way to them.</summary>
    public RowStoreOptions Rows { get; init => field = value ?? throw new ArgumentNullException(nameof(Rows)); } = new();

    /// <summary>The adapters that embeddings are computed with, and sessions unless they are told otherwise (<see cref="MeKiModel.DefaultAdapters"/>). The
    /// list is copied.</summary>
    public IReadOnlyList<AdapterChoice> Adapters
    {
        get;
        init => field = [.. value ?? throw new ArgumentNullException(nameof(Adapters))];
    } = [];

    /// <summary>Where the model's adapters lie (<see cref="AdapterLibrary"/>); null for the folder <c>adapters</c> beside the model.</summary>
    public string? AdapterFolder { get; init; }

    /// <summary>
    /// The most bytes of adapters in memory, 0 or more. Those in use stay, whatever they take; of the others, who was not used for longest goes first.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    public long AdapterBytes
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(AdapterBytes), value, $"{nameof(AdapterBytes)} must be 0 or more.");
    } = 256 << 20;

    /// <summary>How sessions keep keys.</summary>
    public KvFormat KeyFormat { get; init => field = Known(value, nameof(KeyFormat)); } = KvFormat.F16;

    /// <summary>How sessions keep values.</summary>
    public KvFormat ValueFormat { get; init => field = Known(value, nameof(ValueFormat)); } = KvFormat.F16;

    /// <summary>
    /// The most bytes of keys and values that generations without a session may hold together, those included that are kept after their end for prompts that
    /// begin alike; at least 1. Who comes when they are taken waits; a text whose keys and values alone are more ends there (<see
    /// cref="Generation.FinishReason.ContextFull"/>). Null for a quarter of what the process may use; for a small model that of sixteen contexts.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public long? MaxKvBytes
    {
        get;
        init => field = value is not < 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxKvBytes), value, $"{nameof(MaxKvBytes)} must be 1 or more.");
    }

    /// <summary>
    /// The most bytes that the model may take: its weights, mapped or packed, what loading takes for a while, the rows, a batch's scratch, the tokenizer, and
    /// keys and values. What is left of it bounds the keys and values of generations without a session, where <see cref="MaxKvBytes"/> does not; sessions' own
    /// are not in it, nor are adapters and the runtime. A model that takes more is refused before anything of it is allocated, and the message has the sum.
    /// Null for no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public long? MaxMemory
    {
        get;
        init => field = value is not < 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxMemory), value, $"{nameof(MaxMemory)} must be 1 or more.");
    }

    /// <summary>
    /// Told once, at <see cref="LogLevel.Information"/>, what loading did (<see cref="LoadReport"/>), and at <see cref="LogLevel.Warning"/> what is odd about
    /// the model (<see cref="LoadReport.Warnings"/>) or, later, about a prompt: two beginning-of-sequence tokens. Null for nobody.
    /// </summary>
    public ILogger? Logger { get; init; }

    private static KvFormat Known(KvFormat format, string name) =>
        Enum.IsDefined(format) ? format : throw new ArgumentOutOfRangeException(name, format, "There is no such format of the KV cache.");
}
