namespace MeKi.Kernels;

/// <summary>How the KV cache keeps keys, or values.</summary>
public enum KvFormat
{
    /// <summary>Half precision, 2 bytes. Magnitudes beyond 65,504 saturate.</summary>
    F16,

    /// <summary>Blocks of 32 columns, 34 bytes: signed bytes and a half-precision scale.</summary>
    Q8_0,

    /// <summary>Single precision, 4 bytes.</summary>
    F32,
}
