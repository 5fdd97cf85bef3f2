namespace MeKi.Kernels.Kv;

/// <summary>An <see cref="IKvFormat"/> as an object, for code that is not compiled for each.</summary>
internal abstract unsafe class KvStorage
{
    /// <inheritdoc cref="IKvFormat.BlockBytes"/>
    public abstract int BlockBytes { get; }

    /// <inheritdoc cref="IKvFormat.ValueScaleBytes"/>
    public abstract int ValueScaleBytes { get; }

    /// <inheritdoc cref="IKvFormat.MostColumns"/>
    public abstract int MostColumns { get; }

    /// <inheritdoc cref="IKvFormat.QuantizesQueries"/>
    public abstract bool QuantizesQueries { get; }

    /// <inheritdoc cref="IKvFormat.Factor"/>
    public abstract float Factor { get; }

    /// <summary>That of a format.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such format.</exception>
    public static KvStorage Of(KvFormat format) => KvFormats.Of<KvStorage, Chooser>(format, default);

    /// <inheritdoc cref="IKvFormat.StoreKey"/>
    public abstract void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <inheritdoc cref="IKvFormat.LoadKey"/>
    public abstract void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <inheritdoc cref="IKvFormat.StoreValue"/>
    public abstract void StoreValue(byte* values, int position, int block, Span<float> x);

    /// <inheritdoc cref="IKvFormat.LoadValue"/>
    public abstract void LoadValue(byte* values, int position, int block, Span<float> x);

    private readonly struct Chooser : IKvFormatUser<KvStorage>
    {
        public KvStorage OfFloats<TFormat>()
            where TFormat : struct, IFloatKv
            => Typed<TFormat>.Instance;

        public KvStorage OfQ8_0() => Typed<Q8_0Kv>.Instance;
    }

    private sealed class Typed<TFormat> : KvStorage
        where TFormat : struct, IKvFormat
    {
        public static readonly KvStorage Instance = new Typed<TFormat>();

        public override int BlockBytes => TFormat.BlockBytes;

        public override int ValueScaleBytes => TFormat.ValueScaleBytes;

        public override int MostColumns => TFormat.MostColumns;

        public override bool QuantizesQueries => TFormat.QuantizesQueries;

        public override float Factor => TFormat.Factor;

        public override void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x) => TFormat.StoreKey(keys, blocks, position, block, x);

        public override void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x) => TFormat.LoadKey(keys, blocks, position, block, x);

        public override void StoreValue(byte* values, int position, int block, Span<float> x) => TFormat.StoreValue(values, position, block, x);

        public override void LoadValue(byte* values, int position, int block, Span<float> x) => TFormat.LoadValue(values, position, block, x);
    }
}
