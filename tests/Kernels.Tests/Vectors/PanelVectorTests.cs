using MeKi.Kernels.Arm;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>Every operation of the vocabulary, in every implementation that this process can execute, means what it says.</summary>
public class PanelVectorTests
{
    private const int Rounds = 200;

    private static readonly VectorCheck[] Implementations = [.. new VectorCheck[]
    {
        new VectorCheck<Avx2Vector<VnniDot<HardwareVnni>>>("AvxVnni"),
        new VectorCheck<Avx2Vector<MultiplyAddAdjacentDot>>("Avx2"),
        new VectorCheck<Avx2Vector<VnniDot<EmulatedVnni>>>("EmulatedAvxVnni"),
        new VectorCheck<NeonVector<HardwareNeon, DotProductDot>>("NeonDot"),
        new VectorCheck<NeonVector<HardwareNeon, MultiplyWideningDot>>("Neon"),
        new VectorCheck<NeonVector<EmulatedNeon, DotProductDot>>("EmulatedNeonDot"),
        new VectorCheck<NeonVector<EmulatedNeon, MultiplyWideningDot>>("EmulatedNeon"),
    }.Where(implementation => implementation.IsSupported)];

    public static TheoryData<string> Names => [.. Implementations.Select(implementation => implementation.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Bytes(string name) => Check(name, (check, random) => check.Bytes(random));

    [Theory]
    [MemberData(nameof(Names))]
    public void Integers(string name) => Check(name, (check, random) => check.Integers(random));

    [Theory]
    [MemberData(nameof(Names))]
    public void Floats_round_once(string name) => Check(name, (check, random) => check.Floats(random));

    [Theory]
    [MemberData(nameof(Names))]
    public void All_65536_halves_and_brain_floats_are_exact(string name) => Check(name, (check, _) => check.Halves(), rounds: 1);

    [Theory]
    [MemberData(nameof(Names))]
    public void All_bytes_become_floats(string name) => Check(name, (check, _) => check.ConversionsOfBytes(), rounds: 1);

    [Theory]
    [MemberData(nameof(Names))]
    public void Partial_sums_hold_as_many_dot_products_as_they_say(string name) => Check(name, (check, random) =>
    {
        foreach (int codeBits in new[] { 4, 5, 6 })
            check.DotsOfUnsignedCodes(codeBits, random);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Dot_products_of_signed_codes_are_exact(string name) => Check(name, (check, random) => check.DotsOfSignedCodes(random));

    private static void Check(string name, Action<VectorCheck, Random> check, int rounds = Rounds)
    {
        VectorCheck implementation = Implementations.Single(implementation => implementation.Name == name);
        for (int seed = 0; seed < rounds; seed++)
            check(implementation, new(seed));
    }
}
