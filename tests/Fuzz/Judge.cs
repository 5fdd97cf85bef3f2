using System.Text;
using MeKi.Fuzz.Readers;

namespace MeKi.Fuzz;

/// <summary>What came of an input.</summary>
/// <param name="Signature">Tells outcomes apart: how it was refused, or what is wrong.</param>
/// <param name="IsAccepted">Whether it was read and used.</param>
/// <param name="Fault">What must not be; null where all is well.</param>
/// <param name="Allocated">Bytes that were allocated on the managed heap, and resident memory that came to it.</param>
internal sealed record Outcome(string Signature, bool IsAccepted, string? Fault, long Allocated);

/// <summary>
/// Gives inputs to readers and says what came of it: only typed errors of one line, and no more memory than 4 times the input and 64 MB. Crashes and hangs are
/// for others to see: <see cref="Supervisor"/>, <see cref="Watchdog"/>.
/// </summary>
internal static class Judge
{
    private const long Slack = 64 << 20;

    /// <param name="reader">The reader.</param>
    /// <param name="input">What it is given.</param>
    /// <param name="again">Told each time that it is read; null for nobody.</param>
    public static Outcome Run(Reader reader, byte[] input, Action? again = null)
    {
        again?.Invoke();
        long most = 4L * input.Length + Slack, resident = Memory.Resident(), before = GC.GetTotalAllocatedBytes();
        (string signature, bool accepted, string? fault) = Try(reader, input);
        long allocated = GC.GetTotalAllocatedBytes() - before, grown = Memory.Resident() - resident;
        if (fault is null && (allocated > most || grown > most))
        {
            // Programs may make and drop more than they hold, and the collector comes when it likes: what counts is what is held at a time.
            again?.Invoke();
            long peak = Memory.Peak(most, () => Try(reader, input));
            again?.Invoke();
            if (peak > most && (reader.IsProgram || allocated > most || Memory.Peak(most, () => Try(reader, input)) > most))
                (signature, fault) = ($"memory: {signature}", $"{signature}\ntakes {peak >> 20} MB at once, {allocated >> 20} MB in all");
        }
        return new(signature, accepted, fault, Math.Max(allocated, grown));
    }

    private static (string Signature, bool IsAccepted, string? Fault) Try(Reader reader, byte[] input)
    {
        try
        {
            reader.Read(input, new Random(Hash(input)));
            return ("accepted", true, null);
        }
        catch (Exception failure) when (reader.IsTyped(failure))
        {
            string? fault = failure.Message.Any(static letter => char.IsControl(letter) || letter is '\u202e' or '\u2028' or '\u2029') ?
                "a message is more than a line"
                : failure.Message.Length > 1_600 ? "a message is too long" : null;
            return ($"{failure.GetType().Name}: {Shape(failure.Message)}", false, fault is null ? null : $"{fault}: {failure}");
        }
        catch (Exception failure)
        {
            string where = failure.StackTrace?.Split('\n').Select(static line => line.Trim())
                .FirstOrDefault(static line => line.StartsWith("at MeKi.", StringComparison.Ordinal) && !line.StartsWith("at MeKi.Fuzz",
                    StringComparison.Ordinal)) ?? "";
            string signature = $"{failure.GetType().Name}: {(failure is CorruptionException ? Shape(failure.Message) : "")} {where.Split('(')[0]}";
            return (signature, false, failure.ToString());
        }
    }

    public static int Hash(ReadOnlySpan<byte> input) => (int)Store.Crc32C.Of(input);

    // A message without its numbers, quotations and path.
    private static string Shape(string message)
    {
        StringBuilder shape = new();
        bool quoted = false;
        for (int i = message.StartsWith('/') ? Math.Max(0, message.IndexOf(": ", StringComparison.Ordinal)) : 0; i < message.Length && shape.Length < 160; i++)
        {
            char letter = message[i];
            if (letter == '\'')
                quoted = !quoted;
            else if (!quoted && !char.IsAsciiDigit(letter))
                shape.Append(letter);
        }
        return shape.ToString();
    }
}
