namespace MeKi.Model.Templates.Values;

/// <summary>What went wrong in a template, before it is known where. Users get a <see cref="ChatTemplateException"/>.</summary>
/// <param name="problem">In one sentence without a full stop; Python's words where there are any.</param>
/// <param name="isRaised">Whether the template itself raised it.</param>
internal sealed class TemplateFault(string problem, bool isRaised = false) : Exception(problem)
{
    public bool IsRaised => isRaised;
}
