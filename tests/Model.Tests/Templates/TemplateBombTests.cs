using MeKi.Model.Templates;

namespace MeKi.Model.Tests.Templates;

/// <summary>A template is untrusted: whatever it does, it ends, and by a typed error where it would do too much.</summary>
public sealed class TemplateBombTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromMinutes(2);

    [Theory]
    [Trait("Length", "Long")]
    [InlineData("an endless loop", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "does not come to an end")]
    [InlineData("an exponential macro", "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(100) }}", "does not come to an end")]
    [InlineData("a text that doubles", "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "too much")]
    [InlineData("a value of exponential size",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}", "")]
    [InlineData("values of exponential size compared", "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}"
        + "{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}", "does not come to an end")]
    public async Task A_template_that_goes_on_is_stopped(string what, string template, string problem)
    {
        Task<string> stopped = Task.Run(() => Problem(template));
        Assert.True(await Task.WhenAny(stopped, Task.Delay(Generous)) == stopped, what);
        Assert.Contains(problem, await stopped, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion")]
    [InlineData("{% macro a() %}{{ caller() }}{% endmacro %}{% macro b() %}{% call a() %}{{ b() }}{% endcall %}{% endmacro %}{{ b() }}", "recursion")]
    [InlineData("{% for n in [[1]] recursive %}{{ loop([n]) }}{% endfor %}", "recursion")]
    [InlineData("{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}", "nested more than")]
    [InlineData("{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s|tojson }}", "nested more than")]
    [InlineData("{% set ns = namespace(g=[1]) %}{% for i in range(99999) %}{% set ns.g = ns.g|select %}{% endfor %}{{ ns.g|list }}", "recursion")]
    [InlineData("{% set l = [] %}{{ l.append(l) }}{{ l|tojson }}", "Circular reference")]
    [InlineData("{{ 'x' * 1000000000 }}", "too much")]
    [InlineData("{{ 'x' * 10**18 }}", "too much")]
    [InlineData("{{ [0] * 10**10 }}", "too much")]
    [InlineData("{{ 'x'.center(10**12) }}", "too much")]
    [InlineData("{{ 'x'|indent(10**12) }}", "too much")]
    [InlineData("{{ [1]|tojson(indent=10**12) }}", "too much")]
    [InlineData("{{ '%1000000000d' % 5 }}", "too big")]
    [InlineData("{{ '{:1000000000}'.format(5) }}", "Too many")]
    [InlineData("{{ range(10**18) }}", "Range too big")]
    [InlineData("{{ 2 ** (10 ** 9) }}", "bits")]
    [InlineData("{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", "bits")]
    [InlineData("{{ 9 ** 9999 }}", "bits")]
    public void A_template_that_asks_for_too_much_is_refused(string template, string problem) =>
        Assert.Contains(problem, Problem(template), StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ ", "(", "1", ")", " }}")]
    [InlineData("{{ ", "[", "1", "]", " }}")]
    [InlineData("{{ ", "{1:", "1", "}", " }}")]
    [InlineData("{{ ", "-", "1", "", " }}")]
    [InlineData("{{ ", "not ", "1", "", " }}")]
    [InlineData("{{ 1", "+1", "", "", " }}")]
    [InlineData("{{ x", ".a", "", "", " }}")]
    [InlineData("{{ x", "|d", "", "", " }}")]
    [InlineData("{{ 1", " if 1 else 1", "", "", " }}")]
    [InlineData("", "{% if 1 %}", "", "{% endif %}", "")]
    [InlineData("", "{% for i in [1] %}", "", "{% endfor %}", "")]
    [InlineData("", "{% macro m() %}", "", "{% endmacro %}", "")]
    public void A_template_that_is_nested_without_end_is_refused(string begin, string open, string inside, string close, string end)
    {
        int depth = 100_000 / (open.Length + close.Length);
        string template = begin + string.Concat(Enumerable.Repeat(open, depth)) + inside + string.Concat(Enumerable.Repeat(close, depth)) + end;
        Assert.Contains("nested too deeply", Problem(template), StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_of_more_than_a_million_characters_is_refused() =>
        Assert.Contains("characters", Problem(new string('x', (1 << 20) + 1)), StringComparison.Ordinal);

    private static string Problem(string template) =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(template).Render(new() { Messages = [] })).Problem;
}
