using System.CommandLine;
using System.Globalization;
using MeKi.Model;
using MeKi.Store;

namespace MeKi.Tool;

/// <summary><c>meki verify FILE</c>: a whole row file against its checksums.</summary>
internal static class VerifyCommand
{
    private const int MostNamed = 8;

    public static Command Create()
    {
        Argument<string> file = new("file") { Description = "A row file, or a folder with model.rows." };
        Command command = new("verify", "Check every record of a row file against its checksums.") { file };
        command.SetAction((parsed, cancellation) => Task.Run(() => Verify(parsed.GetRequiredValue(file), cancellation), CancellationToken.None));
        return command;
    }

    private static void Verify(string path, CancellationToken cancellation)
    {
        if (Directory.Exists(path))
            path = Path.Combine(path, ModelFiles.RowName);
        IReadOnlyList<RowFileException> damage;
        long bytes = 0;
        using (StageProgress progress = new())
            damage = RowFileCheck.Run(path, (done, total) => progress.Report(new("verify", done, bytes = total)), cancellation);
        if (damage.Count > 0)
        {
            string named = string.Join("; ", damage.Take(MostNamed).Select(group => group.Place));
            throw new RowFileException(path, damage.Count > MostNamed ? $"{named}; and {damage.Count - MostNamed} groups more" : named,
                "checksums do not match: the rows are damaged", "Copy the file again or convert again");
        }
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}  {bytes:n0} bytes of records are sound"));
    }
}
