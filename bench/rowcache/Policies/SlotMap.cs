namespace MeKi.RowCache.Policies;

/// <summary>
/// Which token lies in which slot. Token ids are small and dense, so the index is an array (608 KB for Qwen's vocabulary) and a look-up one load.
/// </summary>
internal sealed class SlotMap
{
    public const int None = -1;

    private readonly int[] _slotOf;
    private readonly int[] _tokenOf;
    private int _used;

    public SlotMap(int slots, int vocabulary)
    {
        _tokenOf = new int[slots];
        _slotOf = new int[vocabulary];
        Array.Fill(_slotOf, None);
    }

    public int Slots => _tokenOf.Length;

    /// <summary>The token's slot, or <see cref="None"/>.</summary>
    public int Find(int token) => _slotOf[token];

    public int TokenIn(int slot) => _tokenOf[slot];

    /// <summary>A slot that never held anything, or <see cref="None"/> when all have: nothing is ever taken out but by another token.</summary>
    public int TakeEmpty() => _used < Slots ? _used++ : None;

    /// <summary>Forgets what the slot holds.</summary>
    public void Evict(int slot) => _slotOf[_tokenOf[slot]] = None;

    /// <summary>Puts a token into a slot that is empty or evicted.</summary>
    public void Place(int token, int slot) => _slotOf[_tokenOf[slot] = token] = slot;
}
