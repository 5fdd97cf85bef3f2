namespace MeKi.Model;

/// <summary>Who has a session.</summary>
internal enum SessionUser
{
    /// <summary>Nobody: the next call or generation may.</summary>
    Nobody,

    /// <summary>One call.</summary>
    Call,

    /// <summary>A generation, from its first token to the end of its enumeration, between two passes.</summary>
    Generation,

    /// <summary>A pass of that generation.</summary>
    Pass,

    /// <summary>The session is disposed and its memory gone.</summary>
    Gone,
}

/// <summary>
/// Lets one user at a time into a session, and frees its memory when it is disposed and nobody uses that: the cache is native memory and a lease's records go
/// to other sessions. Whoever comes last, the user or Dispose, does.
/// </summary>
/// <param name="free">Frees what the session holds; called once.</param>
internal sealed class SessionGate(Action free)
{
    private volatile SessionUser _user;
    private bool _disposed;

    /// <summary>Makes <paramref name="user"/> the user after <paramref name="before"/>.</summary>
    /// <exception cref="InvalidOperationException">Another is.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    public void Enter(SessionUser before, SessionUser user)
    {
        SessionUser found = Interlocked.CompareExchange(ref _user, user, before);
        if (found != before)
            Refuse(found);
    }

    /// <summary>Undoes an <see cref="Enter"/>.</summary>
    public void Leave(SessionUser user, SessionUser before)
    {
        Interlocked.CompareExchange(ref _user, before, user);
        FreeIfDisposed();
    }

    /// <summary>Throws what a call would throw now.</summary>
    /// <exception cref="InvalidOperationException">The session is in use.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    public void ThrowIfInUse()
    {
        SessionUser found = _user;
        if (found != SessionUser.Nobody)
            Refuse(found);
    }

    /// <summary>Lets nobody in from now on.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        FreeIfDisposed();
    }

    private void Refuse(SessionUser found)
    {
        ObjectDisposedException.ThrowIf(found == SessionUser.Gone || Volatile.Read(ref _disposed), typeof(MeKiSession));
        throw new InvalidOperationException(found == SessionUser.Call
            ? "The session is in use on another thread. Create a session for each sequence."
            : "A generation is in progress in this session. Enumerate it to its end or dispose its enumerator first, or create a session for each sequence.");
    }

    private void FreeIfDisposed()
    {
        if (Volatile.Read(ref _disposed) && (TryEnd(SessionUser.Nobody) || TryEnd(SessionUser.Generation)))
            free();
    }

    private bool TryEnd(SessionUser found) => Interlocked.CompareExchange(ref _user, SessionUser.Gone, found) == found;
}
