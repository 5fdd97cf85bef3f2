using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MeKi.Kernels.Operations;
using MeKi.Model.Generation;
using MeKi.Model.Sampling;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>
/// What the demo model computes has the same bits on every kernel set of this process; and, since what they are compared with stands here, without every
/// instruction set that the gate's legs switch off, and on ARM64.
/// </summary>
[Trait("Fault", "18.2")]
public sealed class SameBitsTests : IDisposable
{
    private const string Prompt = "ROMEO:\nWhat light through yonder";
    private const int Generated = 10;

    private readonly MeKiModel _model = MeKiModel.Load(Path.Combine(SharedMaterial.Repository, "models", "tiny-meki"), new() { Threads = 2 });

    public static TheoryData<string> Sets => [.. KernelSet.Available.Select(kernels => kernels.Name)];

    public void Dispose() => _model.Dispose();

    [Theory]
    [MemberData(nameof(Sets))]
    public async Task Every_logit_and_the_text_chosen_from_them(string set)
    {
        using MeKiSession session = KernelSet.With(KernelSet.Select(set), () => _model.CreateSession());
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        float[] logits = new float[_model.Config.VocabularySize];
        TokenSampler likeliest = new(new() { Temperature = 0 });
        int[] next = _model.Tokenizer!.Encode(Prompt);
        for (int i = 0; i < Generated; i++)
        {
            session.Forward(next, logits);
            hash.AppendData(MemoryMarshal.AsBytes<float>(logits));
            next = [likeliest.Sample(logits, [])];
        }
        Assert.Equal("D3C3523B36A48E7A", Convert.ToHexString(hash.GetHashAndReset())[..16]);
        Assert.Equal(" is this, and thy side,\nAnd all", await Generate(session, new() { Temperature = 0 }));
        Assert.Equal(" is the king?\n\nSTANLEY:\nWhy", await Generate(session, new() { Temperature = 0.9f, TopK = 0, TopP = 0.95f, Seed = 1 }));
        GenerationOptions all = new() { Temperature = 1.3f, TopK = 40, TopP = 0.9f, MinP = 0.01f, RepetitionPenalty = 1.1f, Seed = 2 };
        Assert.Equal(" bes to that do o' love?\n\nROMEO", await Generate(session, all));
    }

    private static async Task<string> Generate(MeKiSession session, GenerationOptions options) =>
        string.Concat(await session.GenerateAsync(Prompt, options with { MaxTokens = Generated }).ToListAsync());
}
