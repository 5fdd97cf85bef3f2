namespace MeKi.Regress.Tests;

/// <summary>The judge of the regression suite: what it calls slower, and what it lets pass.</summary>
public class VerdictTests
{
    [Fact]
    public void A_median_and_its_interval_enclose_what_was_measured()
    {
        MedianInterval interval = MedianInterval.Of([.. Noise(41, 0.8, 0.1)]);
        Assert.InRange(interval.Median, interval.Low, interval.High);
        Assert.InRange(0.8, interval.Low, interval.High);
        Assert.Equal(interval, MedianInterval.Of([.. Noise(41, 0.8, 0.1)]));
        Assert.Equal(new(2, 2, 2), MedianInterval.Of([2, 2, 2]));
        Assert.Equal(2.5, MedianInterval.Of([4, 1, 3, 2]).Median);
    }

    [Theory]
    [InlineData(0.80, 0.10, false)] // unchanged, noisy
    [InlineData(0.75, 0.10, false)] // 6 % slower: within the tolerance
    [InlineData(0.64, 0.10, true)]  // 20 % slower
    [InlineData(0.40, 0.50, true)]  // half the speed, very noisy
    [InlineData(1.00, 0.10, false)] // faster
    public void Only_what_is_slower_for_certain_is_said_to_be_slower(double centre, double spread, bool slower) =>
        Assert.Equal(slower, new Verdict("case", MedianInterval.Of([.. Noise(41, centre, spread)]), 0.8).IsSlower);

    [Fact]
    public void An_interval_that_reaches_the_tolerance_is_let_pass()
    {
        Assert.False(new Verdict("case", new(0.5, 0.4, 0.73), 0.8).IsSlower);
        Assert.True(new Verdict("case", new(0.5, 0.4, 0.71), 0.8).IsSlower);
        Assert.Contains("SLOWER case", new Verdict("case", new(0.5, 0.4, 0.6), 0.8).ToString(), StringComparison.Ordinal);
        Assert.Contains("-37.5 %", new Verdict("case", new(0.5, 0.4, 0.6), 0.8).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_baseline_nothing_is_slower() => Assert.False(new Verdict("case", new(0.1, 0.1, 0.1), null).IsSlower);

    [Fact]
    public void Unchanged_speed_raises_no_alarm_in_a_thousand_runs()
    {
        Random random = new(11);
        int alarms = Enumerable.Range(0, 1000).Count(_ =>
            new Verdict("case", MedianInterval.Of([.. Enumerable.Range(0, 41).Select(_ => 0.8 * Math.Exp(0.3 * Gaussian(random)))]), 0.8).IsSlower);
        Assert.Equal(0, alarms);
    }

    [Fact]
    public void A_baseline_is_moved_with_its_reason_and_read_back()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.Delete(path);
            Baseline baseline = Baseline.Read(path);
            Assert.Null(baseline.Find("this machine", "case"));
            baseline.Move("this machine", "first measurement", [("case", 0.123456), ("small", 1.23456e-7)]);
            baseline.Write();
            Baseline again = Baseline.Read(path);
            Assert.Equal(0.1235, again.Find("this machine", "case"));
            Assert.Equal(1.235e-7, again.Find("this machine", "small"));
            Assert.Null(again.Find("another machine", "case"));
            Assert.Contains("first measurement", File.ReadAllText(path), StringComparison.Ordinal);
            File.WriteAllText(path, "[]");
            Assert.Contains(path, Assert.Throws<InvalidDataException>(() => Baseline.Read(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Subject_and_yardstick_run_in_turn()
    {
        List<char> order = [];
        RatioCase item = new("case", () => { order.Add('s'); return 6; }, () => { order.Add('y'); return 2; });
        Assert.Equal([3, 3, 3], item.Measure(3));
        Assert.Equal("syyssy", string.Concat(order));
    }

    private static IEnumerable<double> Noise(int count, double centre, double spread) =>
        Enumerable.Range(0, count).Select(i => centre * (1 + spread * Math.Sin(12.9898 * i)));

    private static double Gaussian(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
