using MeKi.Model;

namespace MeKi.Tool;

/// <summary>Loads a model and prints what its files should make the user doubt, a line each, to standard error.</summary>
internal static class ModelLoading
{
    /// <exception cref="ModelFileException">As for <see cref="MeKiModel.Load"/>, like the others that it throws.</exception>
    public static MeKiModel Load(string path, LoadOptions options)
    {
        MeKiModel model = MeKiModel.Load(path, options);
        Warn(model.LoadReport.Warnings);
        return model;
    }

    /// <exception cref="ModelFileException">As for <see cref="MeKiModel.Load"/>, like the others that it throws.</exception>
    public static async Task<MeKiModel> LoadAsync(string path, LoadOptions options, CancellationToken cancellation)
    {
        MeKiModel model = await MeKiModel.LoadAsync(path, options, cancellationToken: cancellation).ConfigureAwait(false);
        Warn(model.LoadReport.Warnings);
        return model;
    }

    public static void Warn(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings)
            Console.Error.WriteLine($"meki: warning: {warning}");
    }
}
