using MeKi.Model.Adapters;
using MeKi.Model.Chat;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Adapters;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Quant;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Tests.BadInput;

/// <summary>A disk without room, for all that writes: one clear error, what was there stays as it was, and nothing else is left.</summary>
public sealed class FullDiskTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [SmallDiskFact]
    public void Whatever_cannot_be_written_leaves_what_was_there()
    {
        using SmallDisk disk = new();
        using MeKiModel model = tiny.Load(converted: true, threads: 1);
        LoraAdapter adapter = RandomAdapter.Of(model.Config, 4, seed: 1);
        LoraWriter writer = new(model.Config, BlockFormat.Of(GgmlType.F32));
        using Conversation conversation = new(model);
        conversation.Messages.Add(new(ChatRole.User, "hello"));
        string gguf = Path.Combine(tiny.Converted, "model.gguf");
        (string Path, Action<string> Write)[] all =
        [
            (At("chat.json"), conversation.Save), (At("adapter.gguf"), path => writer.WriteGguf(adapter, path)),
            (At("shared.gguf"), path => writer.WriteShared([adapter], path)), (At("peft"), path => writer.WritePeft(adapter, path, "base")),
            (At("tasks.json"), path => TaskMap.Write(path, new Dictionary<string, string> { ["task"] = "adapter" })),
            (At("q.gguf"), path => Quantizer.Quantize(gguf, path, WeightRecipe.Of(GgmlType.Q8_0))),
        ];
        foreach ((string path, Action<string> write) in all)
            write(path);
        Dictionary<string, byte[]> before = Contents();
        FileSystems.Fill(At("filler"));
        foreach ((string path, Action<string> write) in all)
        {
            ModelFileException failure = Assert.Throws<ModelFileException>(() => write(path));
            Assert.StartsWith(path, failure.Path, StringComparison.Ordinal);
            Assert.Contains("the disk is full", failure.Message, StringComparison.Ordinal);
        }
        File.Delete(At("filler"));
        Dictionary<string, byte[]> after = Contents();
        Assert.Equal(before.Keys.Order(StringComparer.Ordinal), after.Keys.Order(StringComparer.Ordinal));
        Assert.All(before, file => Assert.Equal(file.Value, after[file.Key]));

        string At(string name) => Path.Combine(disk.FullName, name);

        Dictionary<string, byte[]> Contents() =>
            Directory.GetFiles(disk.FullName, "*", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes);
    }
}
