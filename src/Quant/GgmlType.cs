namespace MeKi.Quant;

/// <summary>
/// The tensor types of a GGUF file, with the ids of the GGUF specification (<c>ggml_type</c>); gaps are ids that were withdrawn.
/// A name here does not say that MeKi computes with the type, only that its bytes can be measured.
/// </summary>
public enum GgmlType : uint
{
    /// <summary>IEEE 754 binary32.</summary>
    F32 = 0,

    /// <summary>IEEE 754 binary16.</summary>
    F16 = 1,

    /// <summary>4 bits, a scale per 32 values.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, a scale and a minimum per 32 values.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, a scale per 32 values.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, a scale and a minimum per 32 values.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, a scale per 32 values.</summary>
    Q8_0 = 8,

    /// <summary>8 bits, a scale and the sum per 32 values; an intermediate of dot products.</summary>
    Q8_1 = 9,

    /// <summary>2 bits in super-blocks of 256.</summary>
    Q2_K = 10,

    /// <summary>3 bits in super-blocks of 256.</summary>
    Q3_K = 11,

    /// <summary>4 bits in super-blocks of 256.</summary>
    Q4_K = 12,

    /// <summary>5 bits in super-blocks of 256.</summary>
    Q5_K = 13,

    /// <summary>6 bits in super-blocks of 256.</summary>
    Q6_K = 14,

    /// <summary>8 bits in super-blocks of 256; an intermediate of dot products.</summary>
    Q8_K = 15,

    /// <summary>About 2.06 bits, codebook of 8 values.</summary>
    IQ2_XXS = 16,

    /// <summary>About 2.31 bits, codebook of 8 values.</summary>
    IQ2_XS = 17,

    /// <summary>About 3.06 bits, codebook of 4 values.</summary>
    IQ3_XXS = 18,

    /// <summary>About 1.56 bits, codebook of 8 values.</summary>
    IQ1_S = 19,

    /// <summary>4 bits on a fixed non-linear grid, a scale per 32 values.</summary>
    IQ4_NL = 20,

    /// <summary>About 3.44 bits, codebook of 4 values.</summary>
    IQ3_S = 21,

    /// <summary>About 2.56 bits, codebook of 8 values.</summary>
    IQ2_S = 22,

    /// <summary>4 bits on the grid of <see cref="IQ4_NL"/> in super-blocks of 256.</summary>
    IQ4_XS = 23,

    /// <summary>Signed 8-bit integer.</summary>
    I8 = 24,

    /// <summary>Signed 16-bit integer.</summary>
    I16 = 25,

    /// <summary>Signed 32-bit integer.</summary>
    I32 = 26,

    /// <summary>Signed 64-bit integer.</summary>
    I64 = 27,

    /// <summary>IEEE 754 binary64.</summary>
    F64 = 28,

    /// <summary>About 1.75 bits, codebook of 8 values.</summary>
    IQ1_M = 29,

    /// <summary>The upper half of a binary32.</summary>
    BF16 = 30,

    /// <summary>Ternary, five values in a byte.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, four values in a byte.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit floats with a shared exponent per 32 values (OCP microscaling).</summary>
    MXFP4 = 39,
}
