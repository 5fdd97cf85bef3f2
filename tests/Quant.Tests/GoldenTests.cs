using System.Text.Json;
using MeKi.Tests;

namespace MeKi.Quant.Tests;

/// <summary>Every decoder against gguf-py's, on a trained model that llama.cpp quantised: <c>../shared/gguf/golden.json</c>.</summary>
public class GoldenTests
{
    public static TheoryData<string> Files =>
        [.. new[] { "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "q4_k_m", "q5_k_m", "q6_k" }.Select(name => $"tiny-{name}.gguf")];

    [SharedTheory("gguf/golden.json")]
    [MemberData(nameof(Files))]
    public void Decoded_tensors_equal_the_golden_values(string file)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(SharedMaterial.Path("gguf/golden.json")));
        SharedGguf gguf = new(file);
        int checkedRows = 0;
        foreach (JsonProperty expected in golden.RootElement.GetProperty(file).GetProperty("tensors").EnumerateObject())
        {
            SharedTensor tensor = gguf[expected.Name];
            Assert.Equal(expected.Value.GetProperty("type").GetString(), tensor.Type.ToString());
            float[] values = gguf.Values(tensor);
            foreach (JsonProperty row in expected.Value.GetProperty("rows").EnumerateObject())
            {
                int first = int.Parse(row.Name) * tensor.Columns;
                float[] decoded = [.. values.AsSpan(first, 64), .. values.AsSpan(first + tensor.Columns - 32, 32)];
                Assert.Equal(row.Value.EnumerateArray().Select(value => Bits(value.GetSingle())), decoded.Select(Bits));
                checkedRows++;
            }
            double sum = values.Sum(value => (double)value), magnitudes = values.Sum(value => Math.Abs((double)value));
            Assert.InRange(sum / expected.Value.GetProperty("sum").GetDouble(), 1 - 1e-9, 1 + 1e-9);
            Assert.InRange(magnitudes / expected.Value.GetProperty("abs_sum").GetDouble(), 1 - 1e-9, 1 + 1e-9);
        }
        Assert.Equal(8, checkedRows);
    }

    // The sign of a zero counts as well: a negative scale times the code of zero is minus zero.
    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
