namespace MeKi.Kernels.Tests;

/// <summary>Equality of floats to the last bit; NaN equals NaN, whose payload depends on the order of an instruction's operands.</summary>
internal static class Bits
{
    public static bool Same(float a, float b) => BitConverter.SingleToUInt32Bits(a) == BitConverter.SingleToUInt32Bits(b) || (float.IsNaN(a) && float.IsNaN(b));

    /// <summary>Asserts that two results have the same bits and says where they first differ.</summary>
    public static void AssertSame(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!Same(expected[i], actual[i]))
                Assert.Fail($"{what}: value {i} of {expected.Length} is {actual[i]:g9} and not {expected[i]:g9}");
        }
    }
}
