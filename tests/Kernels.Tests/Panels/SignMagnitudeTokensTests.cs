using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;

namespace MeKi.Kernels.Tests.Panels;

/// <summary>Magnitudes and signs against the quantised activations they were made of, place for place.</summary>
public unsafe class SignMagnitudeTokensTests
{
    private static readonly Arbitrary<(int Tokens, int Blocks, int Seed)> Samples =
        (from tokens in Gen.Choose(2, 11)
         from blocks in Gen.Choose(0, 2 * SignMagnitudeTokens.RunBlocks + 3)
         from seed in Gen.Choose(0, int.MaxValue)
         select (tokens, blocks, seed)).ToArbitrary();

    [Fact]
    public void Magnitudes_signs_starts_and_scales_are_those_of_the_codes()
    {
        // One object for all samples, as a region's is: what the one before left must not show.
        QuantizedActivations quantized = new();
        Prop.ForAll(Samples, sample =>
        {
            (int tokens, int blocks, int seed) = sample;
            Random random = new(seed);
            ActivationMatrix x = new(blocks * QuantizedActivations.BlockColumns);
            x.Reserve(tokens);
            for (int row = 0; row < tokens; row++)
                PanelBytes.FillToken(x.Row(row), random);
            quantized.Reserve(tokens, x.Columns);
            Assert.False(quantized.HasSignMagnitudes);
            quantized.ReserveSignMagnitudes();
            Assert.True(quantized.HasSignMagnitudes);
            for (int group = 0; group < quantized.Groups; group++)
            {
                quantized.Quantize(x, group);
                quantized.SeparateSigns(group);
            }
            for (int token = 0; token < 4 * quantized.Groups; token++)
            {
                for (int block = 0; block < blocks; block++)
                    AssertBlock(quantized, token, block,
                        Math.Min(SignMagnitudeTokens.RunBlocks, blocks - block / SignMagnitudeTokens.RunBlocks * SignMagnitudeTokens.RunBlocks), sample);
            }
        }).QuickCheckThrowOnFailure();
    }

    private static void AssertBlock(QuantizedActivations quantized, int token, int block, int length, object sample)
    {
        string place = $"{sample}: token {token} block {block}";
        int inRun = block % SignMagnitudeTokens.RunBlocks;
        SignMagnitudeRun first = quantized.SignMagnitudes.Run(block - inRun, 0), run = quantized.SignMagnitudes.Run(block - inRun, token);
        Assert.True(run.Codes == first.After(token * length).Codes && run.Starts == first.After(token * length).Starts
            && run.Scales == first.After(token * length).Scales, place);
        SignMagnitudeRun at = run.After(inRun);
        QuantizedGroup group = quantized.Group(token / 4, block);
        int start = 0;
        for (int column = 0; column < QuantizedActivations.BlockColumns; column++)
        {
            sbyte code = group.Codes[column / 4 * 16 + token % 4 * 4 + column % 4];
            sbyte* split = at.Codes + column / 4 * SignMagnitudeTokens.ChunkBytes + column % 4;
            // A code that is no number is −128, whose magnitude a byte without a sign holds; its block's scale is NaN.
            Assert.True((byte)Math.Abs((int)code) == (byte)split[0] && (code < 0 ? -1 : 0) == split[SignMagnitudeTokens.SignsAt], $"{place} column {column}");
            start += code < 0 ? -code : 0;
        }
        Assert.True(start == *at.Starts, $"{place}: {start} {*at.Starts}");
        Assert.True(Bits.Same(group.Scales[token % 4], *at.Scales), place);
    }
}
