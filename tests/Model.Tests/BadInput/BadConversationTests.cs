using System.Text;
using MeKi.Model.Chat;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;

namespace MeKi.Model.Tests.BadInput;

/// <summary>Files of conversations that are none: one clear error, in bounded memory.</summary>
public sealed class BadConversationTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [DeviceTheory("/dev/zero")]
    [InlineData("/dev/zero")]
    [InlineData("/dev/null")]
    public void A_device_is_refused_and_not_read(string path) => Assert.Contains("regular file", Refused(path), StringComparison.Ordinal);

    [Theory]
    [InlineData("", "no regular file")]
    [InlineData("[]", "no messages")]
    [InlineData("{}", "has no messages")]
    [InlineData("{\"messages\":[]} x", "is no conversation")]
    [InlineData("{\"messages\":[],\"tokens\":[300]}", "outside the model's vocabulary")]
    [InlineData("{\"messages\":[],\"tokens\":[-1]}", "outside the model's vocabulary")]
    [InlineData("{\"messages\":[],\"tokens\":[1e3]}", "is no conversation")]
    [InlineData("{\"messages\":[],\"text\":5}", "is no conversation")]
    [InlineData("{\"messages\":[{\"role\":\" \"}]}", "is no conversation")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"role\":\"user\"}]}", "is no conversation")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"\\ud800\":1}]}", "is no conversation")]
    public void A_file_that_is_no_conversation_is_refused(string text, string problem) =>
        Assert.Contains(problem, Refused(_folder.Add("chat.json", Encoding.UTF8.GetBytes(text))), StringComparison.Ordinal);

    [Theory]
    [InlineData("{\"messages\":[],\"tokens\":[1", ",1", "]}", null)]
    [InlineData("{\"messages\":[1", ",1", "]}", "more than 200000 values")]
    [InlineData("{\"messages\":[],\"x\":[1", ",1", "]}", null)]
    public void Millions_of_values_take_no_more_than_four_times_the_file_and_64_MB(string begin, string value, string end, string? problem)
    {
        string path = _folder.Add("chat.json", Encoding.UTF8.GetBytes(begin + new StringBuilder().Insert(0, value, 4_000_000) + end));
        using MeKiModel model = tiny.Load(converted: true, threads: 1);
        using Conversation conversation = new(model);
        long before = GC.GetAllocatedBytesForCurrentThread();
        if (problem is null)
            conversation.Load(path);
        else
            Assert.Contains(problem, Assert.Throws<ModelFileException>(() => conversation.Load(path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * new FileInfo(path).Length + (64 << 20));
    }

    private string Refused(string path)
    {
        using MeKiModel model = tiny.Load(converted: true, threads: 1);
        using Conversation conversation = new(model);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => conversation.Load(path));
        Assert.Equal(path, failure.Path);
        return failure.Message;
    }
}
