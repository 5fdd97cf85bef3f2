using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>The folder that receives <c>model.gguf</c> and <c>model.rows</c>: both whole, or nothing.</summary>
internal static class ModelFolder
{
    /// <summary>Refuses to replace a file that is read, by whatever name it is known.</summary>
    /// <param name="modelPath">The model file to be written; its rows lie beside it.</param>
    /// <param name="inputs">Files that are read.</param>
    /// <exception cref="ModelFileException">One of them is the model file or its row file.</exception>
    public static void RefuseInputs(string modelPath, params IEnumerable<string> inputs)
    {
        foreach (string input in inputs)
        {
            foreach (string output in new[] { modelPath, ModelFiles.RowsOf(modelPath) })
            {
                if (FileIdentity.Same(input, output))
                    throw new ModelFileException(output, "", $"is the input{(input == output ? "" : $" '{input}' by another name")}", "Choose another output");
            }
        }
    }

    /// <summary>Writes <see cref="ModelFiles.ModelName"/> and <see cref="ModelFiles.RowName"/>.</summary>
    /// <param name="folder">See the other overload.</param>
    /// <param name="model">The model file.</param>
    /// <param name="layout">The row file; null for a model without one.</param>
    /// <param name="writeRows">Appends all records.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>The bytes of the two files.</returns>
    /// <exception cref="ModelFileException">The files cannot be written.</exception>
    public static (long ModelBytes, long RowsBytes) Write(
        string folder, GgufWriter model, RowFileLayout? layout, Action<RowFileWriter> writeRows, CancellationToken cancellationToken) =>
        Write(Path.Combine(folder, ModelFiles.ModelName), model, layout?.FileBytes, stream =>
        {
            RowFileWriter rows = new(stream, layout!);
            writeRows(rows);
            rows.Complete();
        }, cancellationToken);

    /// <summary>Writes the files. Space for both is reserved before the first byte.</summary>
    /// <param name="modelPath">The model file; its folder is made if absent, with those above it, and removed again if nothing could be written.</param>
    /// <param name="model">What it holds.</param>
    /// <param name="rowsBytes">Size of the row file; null for a model without one.</param>
    /// <param name="writeRows">Writes the row file.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>The bytes of the two files.</returns>
    /// <exception cref="ModelFileException">The files cannot be written.</exception>
    public static (long ModelBytes, long RowsBytes) Write(
        string modelPath, GgufWriter model, long? rowsBytes, Action<Stream> writeRows, CancellationToken cancellationToken)
    {
        string folder = Path.GetDirectoryName(modelPath) is { Length: > 0 } above ? above : ".";
        // The folders that are not there yet, the innermost first.
        List<string> made = [];
        for (string? each = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)); each is not null
            && !Directory.Exists(each); each = Path.GetDirectoryName(each))
            made.Add(each);
        try
        {
            Directory.CreateDirectory(folder);
            using PendingFile modelFile = new(modelPath, model.TotalBytes);
            using PendingFile? rowFile = rowsBytes is null ? null : new(ModelFiles.RowsOf(modelPath), rowsBytes.Value);
            model.WriteTo(modelFile.Stream, cancellationToken);
            modelFile.Complete();
            if (rowFile is not null)
            {
                writeRows(rowFile.Stream);
                rowFile.Complete();
            }
            cancellationToken.ThrowIfCancellationRequested();
            // The rows first: a model file never stands there without the rows it needs.
            rowFile?.Publish();
            modelFile.Publish();
            return (model.TotalBytes, rowsBytes ?? 0);
        }
        catch (Exception failure)
        {
            foreach (string empty in made.TakeWhile(each => !Directory.Exists(each) || !Directory.EnumerateFileSystemEntries(each).Any())
                .Where(Directory.Exists))
                Directory.Delete(empty);
            if (PendingFile.IsFailure(failure))
                throw PendingFile.Describe(folder, 0, failure);
            throw;
        }
    }
}
