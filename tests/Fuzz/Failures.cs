namespace MeKi.Fuzz;

/// <summary>Inputs that failed, in a folder.</summary>
internal static class Failures
{
    public static void Save(string folder, string reader, byte[] input, string fault)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{reader}-{Judge.Hash(input):x8}");
        File.WriteAllBytes(path + ".input", input);
        File.WriteAllText(path + ".txt", fault + "\n");
        Console.WriteLine($"FAULT {reader}: {fault.Split('\n')[0]} ({path}.input)");
    }
}
