using System.CommandLine;
using System.Globalization;
using MeKi.Kernels;
using MeKi.Model;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Store.Storage;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Tool;

/// <summary><c>meki inspect FILE</c>: the facts of a row file, of a GGUF file or of a model's folder with both.</summary>
internal static class InspectCommand
{
    // A list of a hundred thousand tokens is no fact to read.
    private const int LongestValue = 100, LongestReason = 180;

    public static Command Create()
    {
        Argument<string> file = new("file") { Description = "A row file, a GGUF file or a folder with model.gguf and model.rows." };
        Command command = new("inspect", "Print what a row file or a model file says of itself.") { file };
        command.SetAction(parsed => Inspect(parsed.GetRequiredValue(file)));
        return command;
    }

    private static void Inspect(string path)
    {
        string[] files = [.. new[] { ModelFiles.ModelName, ModelFiles.RowName }.Select(name => Path.Combine(path, name)).Where(File.Exists)];
        if (files.Length == 0 && File.Exists(Path.Combine(path, "config.json")))
        {
            ResultTable facts = new(false, false);
            using HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.Open(path);
            AddNeed(checkpoint, facts);
            facts.Write(Console.Out);
            return;
        }
        foreach (string file in files.Length > 0 ? files : [path])
        {
            ResultTable table = new(false, false);
            if (files.Length > 0)
                table.Add(UntrustedText.Line(file, int.MaxValue), "");
            if (IsGguf(file))
                DescribeModel(file, table);
            else
                DescribeRows(file, table);
            table.Write(Console.Out);
        }
    }

    private static bool IsGguf(string path)
    {
        Span<byte> magic = stackalloc byte[4];
        try
        {
            using SafeFileHandle file = RegularFile.Open(path);
            return RandomAccess.Read(file, magic, 0) == magic.Length && magic.SequenceEqual("GGUF"u8);
        }
        catch (IOException)
        {
            // The reader of row files reports it, and names the remedy.
            return false;
        }
    }

    private static void DescribeRows(string path, ResultTable table)
    {
        using RowStore store = RowStore.Open(path);
        RowFileLayout layout = store.Layout;
        table.Add("identity", $"{layout.Identity}");
        table.Add("records", $"{Number(layout.VocabularySize)}, a token each, token-major");
        table.Add("rows of a record", $"{layout.Layers} of {layout.Dimension} values, {layout.Type}");
        table.Add("bytes of a row", $"{layout.RowBytes}, stride {layout.RowStride}");
        table.Add("bytes of a record", $"{Number(layout.RecordStride)}, {layout.ScaleBytes} of them scales");
        table.Add("first record", $"at byte {RowFileLayout.DataOffset}");
        table.Add("checksums", $"{layout.Groups}, one for {RowFileLayout.GroupRecords} records, at byte {Number(layout.ChecksumOffset)}");
        table.Add("bytes of the file", Number(layout.FileBytes));
        AddStored((long)layout.VocabularySize * layout.RecordStride, layout.VocabularySize, "rows", table);
    }

    private static void DescribeModel(string path, ResultTable table)
    {
        using GgufFile file = GgufFile.Open(path);
        foreach ((string key, object value) in file.Metadata.Raw)
            table.Add(UntrustedText.Line(key, LongestValue), Value(value));
        foreach (IGrouping<GgmlType, GgufTensor> type in file.Tensors.GroupBy(tensor => tensor.Type)
            .OrderByDescending(type => type.Sum(tensor => tensor.ByteLength)))
            table.Add($"tensors, {GgmlTypeLayout.BlockType(type.Key)}{(GgmlTypeLayout.IsPanels(type.Key) ? " in panels" : "")}",
                $"{type.Count()}, {Number(type.Sum(tensor => tensor.ByteLength))} bytes");
        if (file.Files.Count > 1)
            table.Add("files", Number(file.Files.Count));
        table.Add(file.Files.Count > 1 ? "bytes of the files" : "bytes of the file", Number(file.Files.Sum(part => part.Length)));
        GgufTensor[] stored = [.. file.Tensors.Where(tensor => Architecture.IsTable(tensor.Name))];
        IEnumerable<GgufTensor> kept = file.Tensors.Except(stored).Where(tensor => !UnusedTensors.Contain(tensor.Name));
        table.Add("stays in memory", $"{Number(kept.Sum(tensor => tensor.ByteLength))} bytes of weights");
        foreach (GgufTensor tensor in stored)
        {
            long rows = tensor.Dimensions.Skip(1).Aggregate(1L, (product, length) => product * length);
            AddStored(tensor.ByteLength, rows, $"{UntrustedText.Line(tensor.Name, LongestValue)}, {tensor.Type}", table);
        }
        try
        {
            using GgufModel model = GgufModel.Open(path);
            AddNeed(model, table);
        }
        catch (ModelFileException failure)
        {
            table.Add("does not run", UntrustedText.Line(failure.Message, LongestReason));
        }
    }

    // What --max-memory is held against, with the options left alone.
    private static void AddNeed(WeightSource source, ResultTable table)
    {
        CacheLayout kv = new(source.Config, KvFormat.F16, KvFormat.F16);
        table.Add("keys and values", $"{Number(kv.BytesPerPosition)} bytes a token, "
            + $"{Number(kv.BytesOf(source.Config.ContextLength))} for a context of {Number(source.Config.ContextLength)} tokens");
        table.Add("to run", $"{MemoryNeed.Of(source, new())}");
    }

    private static void AddStored(long bytes, long records, string what, ResultTable table) =>
        table.Add("stays on storage", $"{Number(bytes)} bytes of {what}: a token reads {Number(records == 0 ? 0 : bytes / records)}");

    private static string Value(object value) => value switch
    {
        Array array => $"{Number(array.Length)} values",
        Utf8Strings texts => $"{Number(texts.Count)} values",
        // Templates have many lines.
        string text => UntrustedText.Line(string.Concat(text.Take(LongestValue + 1).Select(each => char.IsWhiteSpace(each) ? ' ' : each)), LongestValue),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Number(long value) => value.ToString("n0", CultureInfo.InvariantCulture);
}
