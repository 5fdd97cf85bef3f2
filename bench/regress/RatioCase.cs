namespace MeKi.Regress;

/// <summary>Something whose speed is judged against a yardstick that runs beside it in the same process.</summary>
/// <param name="Name">Names the case in the baseline file and in a failure.</param>
/// <param name="Subject">Runs the subject once and gives its rate; any unit.</param>
/// <param name="Yardstick">Runs the yardstick once and gives its rate; any unit.</param>
internal sealed record RatioCase(string Name, Func<double> Subject, Func<double> Yardstick)
{
    // Enough for tiered compilation to have replaced both: 30 calls, then its background delay of 100 ms.
    private const int WarmUpRuns = 40;

    /// <summary>Lets the JIT finish with both sides.</summary>
    public void WarmUp()
    {
        for (int run = 0; run < WarmUpRuns; run++)
        {
            Subject();
            Yardstick();
        }
    }

    /// <summary>Runs both alternately; the order within a pair changes, so that a drift of the machine favours neither.</summary>
    /// <returns>Subject over yardstick, of each pair.</returns>
    public double[] Measure(int pairs)
    {
        double[] ratios = new double[pairs];
        for (int pair = 0; pair < pairs; pair++)
        {
            double subject, yardstick;
            if (pair % 2 == 0)
            {
                subject = Subject();
                yardstick = Yardstick();
            }
            else
            {
                yardstick = Yardstick();
                subject = Subject();
            }
            ratios[pair] = subject / yardstick;
        }
        return ratios;
    }
}
