using System.Diagnostics;
using MeKi.Model;

namespace MeKi.Regress;

/// <summary>The whole forward pass of the demo model: the MeKi branch on against off, all threads against one.</summary>
internal sealed class ModelCases : IDisposable
{
    private const int Tokens = 8;

    private readonly List<IDisposable> _open = [];
    private readonly string _demo;

    public ModelCases(string demo) => _demo = demo;

    public IEnumerable<RatioCase> All()
    {
        Func<double> all = Decode(new());
        yield return new("decode, MeKi on / off", all, Decode(new() { WithoutMeKi = true }));
        yield return new("decode, all threads / one", all, Decode(new() { Threads = 1 }));
    }

    public void Dispose() => _open.ForEach(item => item.Dispose());

    private Func<double> Decode(LoadOptions options)
    {
        MeKiModel model = MeKiModel.Load(_demo, options);
        MeKiSession session = model.CreateSession();
        _open.InsertRange(0, [session, model]);
        float[] logits = new float[model.Config.VocabularySize];
        return () =>
        {
            session.Truncate(0);
            long start = Stopwatch.GetTimestamp();
            for (int token = 0; token < Tokens; token++)
            {
                session.Prefetch(100 + token);
                session.Forward([100 + token], logits);
            }
            return Tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
        };
    }
}
