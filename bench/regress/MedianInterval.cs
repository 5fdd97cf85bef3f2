namespace MeKi.Regress;

/// <summary>The median of some ratios with its 99 % percentile-bootstrap confidence interval (Efron, 1979), from a fixed seed.</summary>
/// <param name="Median">The median.</param>
/// <param name="Low">Lower end of the interval.</param>
/// <param name="High">Upper end of the interval.</param>
internal readonly record struct MedianInterval(double Median, double Low, double High)
{
    private const int Resamples = 2000;
    private const double Confidence = 0.99;

    public static MedianInterval Of(double[] ratios)
    {
        Random random = new(1);
        double[] medians = new double[Resamples];
        double[] sample = new double[ratios.Length];
        for (int i = 0; i < Resamples; i++)
        {
            for (int j = 0; j < sample.Length; j++)
                sample[j] = ratios[random.Next(ratios.Length)];
            medians[i] = MedianOf(sample);
        }
        Array.Sort(medians);
        int tail = (int)(Resamples * (1 - Confidence) / 2);
        return new(MedianOf([.. ratios]), medians[tail], medians[Resamples - 1 - tail]);
    }

    private static double MedianOf(double[] values)
    {
        Array.Sort(values);
        int middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
