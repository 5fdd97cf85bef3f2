using MeKi.Tests;
using Xunit.Abstractions;

namespace MeKi.Quant.Tests;

/// <summary>Every encoder against llama.cpp's quantiser: the shared model's F16 weights encoded here and there.</summary>
public class EncoderIdentityTests(ITestOutputHelper output)
{
    [SharedTheory("gguf/tiny-f16.gguf")]
    [InlineData("q8_0", GgmlType.Q8_0, 1)]
    [InlineData("q4_0", GgmlType.Q4_0, 1)]
    [InlineData("q4_1", GgmlType.Q4_1, 1)]
    [InlineData("q5_0", GgmlType.Q5_0, 1)]
    [InlineData("q5_1", GgmlType.Q5_1, 1)]
    [InlineData("iq4_nl", GgmlType.IQ4_NL, 1)]
    [InlineData("q4_k_m", GgmlType.Q4_K, 1)]
    [InlineData("q5_k_m", GgmlType.Q5_K, 1)]
    [InlineData("q6_k", GgmlType.Q6_K, 1)]
    public void Blocks_are_those_of_llama_cpp(string file, GgmlType type, double leastShare)
    {
        SharedGguf source = new("tiny-f16.gguf"), expected = new($"tiny-{file}.gguf");
        BlockFormat format = BlockFormat.Of(type);
        int blocks = 0, identical = 0;
        double ourError = 0, theirError = 0;
        foreach (SharedTensor tensor in expected.Tensors.Where(tensor => tensor.Type == type))
        {
            float[] values = source.Values(source[tensor.Name]), ours = new float[values.Length], theirs = expected.Values(tensor);
            ReadOnlySpan<byte> theirBytes = expected.Bytes(tensor);
            byte[] encoded = new byte[theirBytes.Length];
            format.Encode(values, encoded);
            format.Decode(encoded, ours);
            for (int i = 0; i < encoded.Length; i += format.BlockBytes, blocks++)
                identical += encoded.AsSpan(i, format.BlockBytes).SequenceEqual(theirBytes.Slice(i, format.BlockBytes)) ? 1 : 0;
            for (int i = 0; i < values.Length; i++)
            {
                ourError += Math.Pow(values[i] - ours[i], 2);
                theirError += Math.Pow(values[i] - theirs[i], 2);
            }
        }
        double share = (double)identical / blocks, ratio = Math.Sqrt(ourError / theirError);
        output.WriteLine($"{type}: {identical} of {blocks} blocks identical ({share:P3}); error relative to llama.cpp's {ratio:F6}");
        Assert.True(share >= leastShare, $"{type}: {identical} of {blocks} blocks identical ({share:P3}), ratio {ratio:F6}");
        Assert.InRange(ratio, 0, 1.02);
    }

    /// <summary>Formats of which the shared model has no file: blocks of some numbers, as ggml's reference writes them.</summary>
    [Theory]
    [InlineData(GgmlType.Q2_K)]
    [InlineData(GgmlType.Q3_K)]
    public void Blocks_of_other_formats_are_those_of_the_reference(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        string[] golden = [.. DecoderTests.GoldenLines(type).Select(line => line[1])];
        byte[] encoded = new byte[golden.Length * format.BlockBytes];
        format.Encode(Numbers(golden.Length * format.BlockSize), encoded);
        Assert.Equal(string.Concat(golden), Convert.ToHexStringLower(encoded));
    }

    // Cubes of a congruential sequence, so that there are outliers; every sixth sub-block of sixteen is zeros.
    private static float[] Numbers(int count)
    {
        float[] numbers = new float[count];
        uint state = 1;
        for (int i = 0; i < count; i++)
        {
            state = unchecked(state * 1664525 + 1013904223);
            float x = (int)state * (1f / (1u << 31));
            numbers[i] = i / 16 % 16 == 5 ? 0 : x * x * x;
        }
        return numbers;
    }
}
