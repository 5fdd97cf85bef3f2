namespace MeKi.Model.Sampling;

/// <summary>A caller's biases, alone or with his grammar, leave no token to choose.</summary>
internal sealed class NoTokenLeftException()
    : InvalidOperationException("No token is left to choose from: all are forbidden by a mask or a bias, or have no probability.");
