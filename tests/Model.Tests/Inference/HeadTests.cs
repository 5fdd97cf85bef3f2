using System.Runtime.InteropServices;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Layers;
using MeKi.Quant;

namespace MeKi.Model.Tests.Inference;

/// <summary>Logits in parts.</summary>
public unsafe class HeadTests
{
    private const int Columns = 128;

    // Halves of a little more than 16 MB; no whole number of panels.
    private const int Large = 65_541;

    [Theory]
    [InlineData(Large, true)]
    [InlineData(1003, false)]
    [InlineData(1, false)]
    public void Parts_have_the_bits_of_the_whole_and_a_large_vocabulary_comes_in_parts(int vocabulary, bool divided)
    {
        ushort[] weight = GC.AllocateArray<ushort>(vocabulary * Columns, pinned: true);
        Random random = new(11);
        foreach (ref ushort value in weight.AsSpan())
            value = BitConverter.HalfToUInt16Bits((Half)(random.NextSingle() - 0.5f));
        using ComputePool pool = new(3);
        PanelMatrix panels = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F16), vocabulary, Columns, (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(weight, 0)),
            pool);
        ActivationMatrix h = new(Columns);
        h.Reserve(2);
        foreach (ref float value in h.Rows(0, 2))
            value = random.NextSingle() - 0.5f;
        OutputHead head = new(new(panels), new(pool), new(pool), cap: 0, suppressed: []);
        float[] two = new float[2 * vocabulary], alone = new float[vocabulary], known = new float[vocabulary];

        head.Run(2, h, two);
        head.Run(1, h, known);
        Assert.Equal(divided, head.IsDivided);
        int first = head.RunFirst(h, alone);
        head.RunRest(h, alone);

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        head.RunFirst(h, alone);
        head.RunRest(h, alone);
        Assert.Equal(allocated, GC.GetAllocatedBytesForCurrentThread());

        Assert.Equal(MemoryMarshal.Cast<float, int>(known), MemoryMarshal.Cast<float, int>(alone));
        Assert.Equal(MemoryMarshal.Cast<float, int>(two.AsSpan(0, vocabulary)), MemoryMarshal.Cast<float, int>(alone));
        Assert.Equal((vocabulary + 7) / 8 * 3 / 4 * 8, first);
    }

    [Fact]
    public void The_soft_cap_may_be_left_out()
    {
        const int Vocabulary = 1003;
        float[] weight = GC.AllocateArray<float>(Vocabulary * Columns, pinned: true);
        Random random = new(12);
        foreach (ref float value in weight.AsSpan())
            value = random.NextSingle() - 0.5f;
        using ComputePool pool = new(2);
        PanelMatrix panels = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F32), Vocabulary, Columns, (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(weight, 0)),
            pool);
        ActivationMatrix h = new(Columns);
        h.Reserve(1);
        foreach (ref float value in h.Row(0))
            value = 20 * random.NextSingle();
        float[] plain = new float[Vocabulary], uncapped = new float[Vocabulary], capped = new float[Vocabulary];
        new OutputHead(new(panels), new(pool), new(pool), cap: 0, suppressed: [3]).Run(1, h, plain);
        OutputHead head = new(new(panels), new(pool), new(pool), cap: 30, suppressed: [3]);
        head.Run(1, h, uncapped, capped: false);
        Assert.Equal(plain, uncapped);
        head.Run(1, h, capped);
        Assert.Equal(float.NegativeInfinity, capped[3]);
        for (int i = 4; i < Vocabulary; i++)
            Assert.Equal((float)(30 * Math.Tanh(plain[i] / 30.0)), capped[i], 2e-5f);
    }

    // Three quarters of one panel are none.
    [Fact]
    [Trait("Fault", "18.17")]
    public void A_vocabulary_of_eight_with_a_large_head_is_not_divided()
    {
        const int Vocabulary = 8, Wide = 1 << 20;
        ushort[] weight = GC.AllocateArray<ushort>(Vocabulary * Wide, pinned: true);
        weight[3 * Wide] = BitConverter.HalfToUInt16Bits((Half)1);
        using ComputePool pool = new(1);
        PanelMatrix panels = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F16), Vocabulary, Wide, (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(weight, 0)),
            pool);
        ActivationMatrix h = new(Wide);
        h.Reserve(1);
        h.Row(0).Fill(1);
        float[] logits = new float[Vocabulary];
        OutputHead head = new(new(panels), new(pool), new(pool), cap: 0, suppressed: []);
        Assert.False(head.IsDivided);
        head.Run(1, h, logits);
        Assert.Equal([0, 0, 0, 1, 0, 0, 0, 0], logits);
    }
}
