namespace MeKi.RowCache.Tests;

/// <summary>What is replayed, and what the program says where it cannot be.</summary>
public class TraceTests
{
    [Fact]
    public void Ids_are_ordered_by_frequency_and_those_that_do_not_occur_are_left_out() => Assert.Equal([3, 0, 2], Traces.ByFrequency([3, 2, 0, 3, 0, 3], 5));

    [Fact]
    public void Sessions_are_runs_of_the_texts_in_turn()
    {
        int[] first = [.. Enumerable.Range(0, 5000)], second = [.. Enumerable.Range(10_000, 2000)];
        int[] trace = Traces.Alternating(first, second);
        Assert.Equal(1200 * 512, trace.Length);
        Assert.Equal(trace, Traces.Alternating(first, second));
        int[][] sessions = [.. trace.Chunk(512)];
        for (int i = 0; i < sessions.Length; i++)
        {
            Assert.Equal(Enumerable.Range(sessions[i][0], 512), sessions[i]);
            Assert.Equal(i % 2 == 1, sessions[i][0] >= 10_000);
        }
        Assert.True(sessions.Select(session => session[0]).Distinct().Count() > 500);
    }

    [Fact]
    public void Hits_are_counted_over_all_and_over_the_second_half()
    {
        Replay replay = Replay.Of(new Policies.Lru(2, 4), [0, 1, 2, 1, 0, 0, 1, 0]);
        Assert.Equal(new(4 / 8d, 3 / 4d), replay); // 1 is hit in the first half, 0, 1 and 0 in the second
    }

    [Fact]
    public void Without_the_shared_material_there_is_one_line_and_an_exit_code()
    {
        TextWriter before = Console.Error;
        using StringWriter error = new();
        Console.SetError(error);
        try
        {
            Assert.Equal(1, typeof(Traces).Assembly.EntryPoint!.Invoke(null, [new[] { "no/such/folder" }]));
        }
        finally
        {
            Console.SetError(before);
        }
        string line = Assert.Single(error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("qwen2.gguf", line, StringComparison.Ordinal);
        Assert.Contains("../shared", line, StringComparison.Ordinal);
    }
}
