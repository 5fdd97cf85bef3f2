namespace MeKi.Kernels;

/// <summary>
/// A piece of parallel work over numbered items: what one barrier of the compute pool encloses. Instances are kept and reused, so running one allocates
/// nothing.
/// </summary>
internal abstract class Region
{
    /// <summary>
    /// Does the items <c>begin ≤ item &lt; end</c>. Called from several threads with ranges that do not overlap; an item's result must not depend on the range
    /// it came in.
    /// </summary>
    public abstract void Execute(int begin, int end);
}
