using MeKi.Model.Sampling;

namespace MeKi.Model.Tests.Sampling;

/// <summary>The samplers as their papers define them, one after the other over a list, in float64.</summary>
internal static class Definitions
{
    /// <summary>The probabilities of all tokens; XTC applies always.</summary>
    public static double[] Apply(SamplingOptions options, float[] logits, int[] history)
    {
        List<(int Token, double Logit)> all = [.. logits.Select((logit, token) => (token, (double)logit))];
        foreach (string name in options.Samplers!)
        {
            all = name switch
            {
                "penalties" => [.. all.Select(each => (each.Token, Penalized(options, each, history)))],
                "dry" => [.. all.Select(each => (each.Token, each.Logit - Dry(options, each.Token, history)))],
                "top_k" => [.. Descending(all).Take(options.TopK!.Value)],
                "top_p" => TopP(all, options.TopP!.Value),
                "min_p" => [.. all.Where(each => each.Logit >= all.Max(other => other.Logit) + Math.Log(options.MinP!.Value))],
                "typ_p" => Typical(all, options.TypicalP!.Value),
                "top_n_sigma" => NSigma(all, options.TopNSigma!.Value),
                "xtc" => Xtc(all, options.XtcThreshold!.Value),
                "temperature" => [.. all.Select(each => (each.Token, each.Logit / options.Temperature!.Value))],
                _ => throw new ArgumentException(name),
            };
        }
        double[] result = new double[logits.Length];
        foreach (((int token, _), double p) in all.Zip(Softmax(all)))
            result[token] = p;
        return result;
    }

    private static double Penalized(SamplingOptions options, (int Token, double Logit) each, int[] history)
    {
        int count = history.Count(token => token == each.Token);
        if (count == 0)
            return each.Logit;
        double logit = each.Logit > 0 ? each.Logit / options.RepetitionPenalty!.Value : each.Logit * options.RepetitionPenalty!.Value;
        return logit - count * options.FrequencyPenalty!.Value - options.PresencePenalty!.Value;
    }

    /// <summary>The longest sequence before the end that stands elsewhere as well and is followed by the token there.</summary>
    public static int Repeated(int token, int[] history)
    {
        int longest = -1;
        for (int at = 0; at < history.Length; at++)
        {
            if (history[at] != token)
                continue;
            int length = 0;
            while (length < at && history[at - 1 - length] == history[^(1 + length)])
                length++;
            longest = Math.Max(longest, length);
        }
        return longest;
    }

    private static double Dry(SamplingOptions options, int token, int[] history)
    {
        int length = Repeated(token, history), allowed = options.DryAllowedLength ?? 2;
        return length < allowed ? 0 : options.DryMultiplier!.Value * Math.Pow(options.DryBase ?? 1.75f, length - allowed);
    }

    private static List<(int Token, double Logit)> TopP(List<(int Token, double Logit)> all, double p)
    {
        List<(int, double)> sorted = [.. Descending(all)];
        double sum = 0;
        return [.. sorted.Zip(Softmax(sorted)).TakeWhile(pair => sum < p && (sum += pair.Second) > 0).Select(pair => pair.First)];
    }

    private static List<(int Token, double Logit)> Typical(List<(int Token, double Logit)> all, double p)
    {
        double[] probabilities = Softmax(all);
        double entropy = -probabilities.Sum(each => each * Math.Log(each)), sum = 0;
        return
        [
            .. all.Zip(probabilities).OrderBy(pair => Math.Abs(-Math.Log(pair.Second) - entropy))
                .TakeWhile(pair => sum <= p && (sum += pair.Second) > 0).Select(pair => pair.First),
        ];
    }

    private static List<(int Token, double Logit)> NSigma(List<(int Token, double Logit)> all, double n)
    {
        double mean = all.Average(each => each.Logit), deviation = Math.Sqrt(all.Average(each => (each.Logit - mean) * (each.Logit - mean)));
        return [.. all.Where(each => each.Logit >= all.Max(other => other.Logit) - n * deviation)];
    }

    private static List<(int Token, double Logit)> Xtc(List<(int Token, double Logit)> all, double threshold)
    {
        (int Token, double Logit)[] top = [.. Descending([.. all.Zip(Softmax(all)).Where(pair => pair.Second >= threshold).Select(pair => pair.First)])];
        return [.. all.Except(top.SkipLast(1))];
    }

    private static IEnumerable<(int Token, double Logit)> Descending(List<(int Token, double Logit)> all) => all.OrderByDescending(each => each.Logit);

    private static double[] Softmax(List<(int Token, double Logit)> all)
    {
        double max = all.Max(each => each.Logit), total = all.Sum(each => Math.Exp(each.Logit - max));
        return [.. all.Select(each => Math.Exp(each.Logit - max) / total)];
    }
}
