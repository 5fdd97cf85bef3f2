using System.Globalization;
using MeKi.Soak;

// meki-soak [SECONDS [SEED]]: 60 seconds and a seed of its own, which it tells, unless it is told.
double seconds = args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 60;
int seed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : Random.Shared.Next(1 << 20);
Console.WriteLine($"seed {seed}, {seconds} s");
using Soak soak = new(seconds, seed);
IReadOnlyList<string> faults = await soak.RunAsync();
foreach (string fault in faults)
    Console.WriteLine($"FAULT {fault}");
return faults.Count == 0 ? 0 : 1;
