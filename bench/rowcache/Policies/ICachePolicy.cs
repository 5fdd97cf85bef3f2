namespace MeKi.RowCache.Policies;

/// <summary>Decides which records a cache of a fixed number of slots holds. Records are of one size, so it deals in token ids only.</summary>
internal interface ICachePolicy
{
    /// <summary>A token's record is wanted; afterwards it is resident unless the policy declines to keep it.</summary>
    /// <returns>Whether it was resident already: a read saved.</returns>
    bool Access(int token);
}
