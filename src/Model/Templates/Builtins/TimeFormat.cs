using System.Globalization;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>Python's <c>strftime</c> of a local time without a zone, in English.</summary>
internal static class TimeFormat
{
    public static string Format(DateTime time, string format, Run run)
    {
        StringBuilder made = new();
        for (int i = 0; i < format.Length; i++)
        {
            string part = format[i].ToString();
            if (format[i] == '%' && i + 1 < format.Length)
            {
                // GNU's flags: - for no padding, _ for spaces, 0 for zeros, ^ for upper case.
                int start = i++;
                char flag = format[i] is '-' or '_' or '0' or '^' or '#' && i + 1 < format.Length ? format[i++] : '\0';
                part = Code(time, format[i], flag) ?? format[start..(i + 1)];
                part = flag == '^' ? part.ToUpperInvariant() : part;
            }
            run.Make(part.Length * 4L);
            made.Append(part);
        }
        return made.ToString();
    }

    private static string? Code(DateTime time, char code, char flag)
    {
        int hour12 = time.Hour % 12 == 0 ? 12 : time.Hour % 12;
        return code switch
        {
            'a' => Named("ddd"),
            'A' => Named("dddd"),
            'b' or 'h' => Named("MMM"),
            'B' => Named("MMMM"),
            'c' => Named("ddd MMM ") + Number(time.Day, 2, '_') + Named(" HH:mm:ss yyyy"),
            'C' => Number(time.Year / 100, 2),
            'd' => Number(time.Day, 2),
            'D' or 'x' => Named("MM/dd/yy"),
            'e' => Number(time.Day, 2, '_'),
            'f' => Named("ffffff"),
            'F' => Named("yyyy-MM-dd"),
            'g' => Number(ISOWeek.GetYear(time) % 100, 2),
            'G' => Number(ISOWeek.GetYear(time), 4),
            'H' => Number(time.Hour, 2),
            'I' => Number(hour12, 2),
            'j' => Number(time.DayOfYear, 3),
            'k' => Number(time.Hour, 2, '_'),
            'l' => Number(hour12, 2, '_'),
            'm' => Number(time.Month, 2),
            'M' => Number(time.Minute, 2),
            'n' => "\n",
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'r' => Number(hour12, 2) + Named(":mm:ss ") + (time.Hour < 12 ? "AM" : "PM"),
            'R' => Named("HH:mm"),
            's' => new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'S' => Number(time.Second, 2),
            't' => "\t",
            'T' or 'X' => Named("HH:mm:ss"),
            'u' => Number(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek, 1),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2),
            'V' => Number(ISOWeek.GetWeekOfYear(time), 2),
            'w' => Number((int)time.DayOfWeek, 1),
            'W' => Number((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7, 2),
            'y' => Number(time.Year % 100, 2),
            'Y' => Number(time.Year, 1),
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };

        string Named(string pattern) => time.ToString(pattern, CultureInfo.InvariantCulture);

        string Number(int number, int width, char own = '0')
        {
            string digits = number.ToString(CultureInfo.InvariantCulture);
            return (flag is '-' or '_' or '0' ? flag : own) switch { '-' => digits, '_' => digits.PadLeft(width), _ => digits.PadLeft(width, '0') };
        }
    }
}
