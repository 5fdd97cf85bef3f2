using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using MeKi.Masks;
using MeKi.Model.Grammars;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Tokenization;

const int Warm = 20, Texts = 40, MostTokens = 200;
if (args.Length == 0)
{
    Console.Error.WriteLine("""
        How long the masks of grammars take, over texts of random tokens.
          meki-masks TOKENIZER…   each a .gguf file or a tokenizer.json
        """);
    return 2;
}
foreach (string path in args)
{
    Tokenizer tokenizer = Tokenizer.Load(path);
    Stopwatch time = Stopwatch.StartNew();
    TokenVocabulary vocabulary = TokenVocabulary.Of(tokenizer);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{Path.GetFileName(path)}: {vocabulary.Count} tokens, tree in {time.Elapsed.TotalMilliseconds:F0} ms"));
    foreach ((string name, Func<Grammar> load) in Cases.All)
    {
        // The first load compiles code.
        load();
        double[] loads = [.. Enumerable.Range(0, 9).Select(_ => Milliseconds(() => load())).Order()];
        Grammar grammar = load();
        List<double> masks = [];
        double first = Walk(grammar, vocabulary, seed: -1, null);
        for (int i = 0; i < Warm; i++)
            Walk(grammar, vocabulary, i, null);
        for (int i = 0; i < Texts; i++)
            Walk(grammar, vocabulary, Warm + i, masks);
        masks.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {name,-24} load {loads[4],6:F2} ms ({loads[0]:F2}-{loads[8]:F2}), {masks.Count} masks, us: median {masks[masks.Count / 2] * 1000,6:F1}, "
                + $"p99 {masks[masks.Count * 99 / 100] * 1000,6:F0}, worst {masks[^1] * 1000,6:F0}; worst of the first text {first * 1000,7:F0}"));
    }
}
return 0;

static double Milliseconds(Action action)
{
    long start = Stopwatch.GetTimestamp();
    action();
    return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
}

// The worst of the text, in milliseconds.
static double Walk(Grammar grammar, TokenVocabulary vocabulary, int seed, List<double>? masks)
{
    TokenConstraint constraint = grammar.Start(vocabulary);
    ulong[] mask = new ulong[vocabulary.Words];
    Random random = new(seed);
    double worst = 0;
    for (int left = MostTokens; left > 0 && !constraint.HasEnded; left--)
    {
        double one = Milliseconds(() => constraint.Mask(mask, left));
        masks?.Add(one);
        worst = Math.Max(worst, one);
        constraint.Accept(Choose(mask, random));
    }
    return worst;
}

static int Choose(ReadOnlySpan<ulong> mask, Random random)
{
    int count = 0;
    foreach (ulong word in mask)
        count += BitOperations.PopCount(word);
    if (count == 0)
        throw new InvalidOperationException("No token may follow.");
    int chosen = random.Next(count);
    for (int i = 0; ; i++)
    {
        int here = BitOperations.PopCount(mask[i]);
        if (chosen >= here)
        {
            chosen -= here;
            continue;
        }
        ulong word = mask[i];
        for (; chosen > 0; chosen--)
            word &= word - 1;
        return i * 64 + BitOperations.TrailingZeroCount(word);
    }
}
