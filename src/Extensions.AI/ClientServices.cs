using MeKi.Model;

namespace MeKi.Extensions.AI;

/// <summary>What can be asked of a client besides what it is for.</summary>
internal static class ClientServices
{
    /// <summary>The client, its metadata, the model or its tokenizer; null for anything else, and for whatever has a key.</summary>
    public static object? Find(object client, object metadata, MeKiModel model, Type serviceType, object? serviceKey)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is null ? Array.Find<object?>([client, metadata, model, model.Tokenizer], serviceType.IsInstanceOfType) : null;
    }
}
