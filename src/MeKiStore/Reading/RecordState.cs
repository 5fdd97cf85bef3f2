namespace MeKi.Store.Reading;

/// <summary>How far a record is.</summary>
internal enum RecordState
{
    /// <summary>Nobody's bytes.</summary>
    Empty,

    /// <summary>To be read by whoever comes first: an I/O worker, or the thread that needs it.</summary>
    Requested,

    /// <summary>Being read.</summary>
    Reading,

    /// <summary>The bytes are the file's.</summary>
    Ready,

    /// <summary>Reading failed.</summary>
    Failed,
}
