using MeKi.Model;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MeKi.Extensions.AI;

/// <summary>Adds models to a program's services. A model is loaded when it is first asked for, and disposed with the services.</summary>
public static class MeKiServiceCollectionExtensions
{
    /// <summary>Adds a model as <see cref="IChatClient"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="path">The model, as for <see cref="MeKiModel.Load"/>.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>What function invocation, telemetry, caching and others are added to.</returns>
    public static ChatClientBuilder AddMeKi(this IServiceCollection services, string path, MeKiOptions? options = null) =>
        services.AddMeKi(services.AddModel(path, options), options);

    /// <summary>Adds a model as <see cref="IChatClient"/> under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="path">The model, as for <see cref="MeKiModel.Load"/>.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <inheritdoc cref="AddMeKi(IServiceCollection, string, MeKiOptions?)" path="/returns"/>
    public static ChatClientBuilder AddKeyedMeKi(this IServiceCollection services, object? serviceKey, string path, MeKiOptions? options = null) =>
        services.AddKeyedMeKi(serviceKey, services.AddModel(path, options), options);

    /// <summary>Adds a model that the program has as <see cref="IChatClient"/>; whoever made it disposes it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="model">Gives the model.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <inheritdoc cref="AddMeKi(IServiceCollection, string, MeKiOptions?)" path="/returns"/>
    public static ChatClientBuilder AddMeKi(this IServiceCollection services, Func<IServiceProvider, MeKiModel> model, MeKiOptions? options = null) =>
        services.AddChatClient(Client(model, options));

    /// <summary>Adds a model that the program has as <see cref="IChatClient"/> under a key; whoever made it disposes it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="model">Gives the model.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <inheritdoc cref="AddMeKi(IServiceCollection, string, MeKiOptions?)" path="/returns"/>
    public static ChatClientBuilder AddKeyedMeKi(
        this IServiceCollection services, object? serviceKey, Func<IServiceProvider, MeKiModel> model, MeKiOptions? options = null) =>
        services.AddKeyedChatClient(serviceKey, Client(model, options));

    /// <summary>Adds a model as <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="path">The model, as for <see cref="MeKiModel.Load"/>.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>What telemetry, caching and others are added to.</returns>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddMeKiEmbeddings(
        this IServiceCollection services, string path, MeKiOptions? options = null) => services.AddMeKiEmbeddings(services.AddModel(path, options), options);

    /// <summary>Adds a model that the program has as <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>; whoever made it disposes it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="model">Gives the model.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <inheritdoc cref="AddMeKiEmbeddings(IServiceCollection, string, MeKiOptions?)" path="/returns"/>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddMeKiEmbeddings(
        this IServiceCollection services, Func<IServiceProvider, MeKiModel> model, MeKiOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return services.AddEmbeddingGenerator(provider => new MeKiEmbeddingGenerator(model(provider), options?.ModelId));
    }

    private static Func<IServiceProvider, IChatClient> Client(Func<IServiceProvider, MeKiModel> model, MeKiOptions? options)
    {
        ArgumentNullException.ThrowIfNull(model);
        return provider => new MeKiChatClient(model(provider), options?.ModelId, options?.Template);
    }

    // Under a key that nobody else has: the services dispose it, and several models stand side by side.
    private static Func<IServiceProvider, MeKiModel> AddModel(this IServiceCollection services, string path, MeKiOptions? options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(path);
        object key = new();
        LoadOptions load = options?.Load ?? new();
        services.AddKeyedSingleton(key, (provider, _) =>
            MeKiModel.Load(path, load with { Logger = load.Logger ?? provider.GetService<ILoggerFactory>()?.CreateLogger("MeKi") }));
        return provider => provider.GetRequiredKeyedService<MeKiModel>(key);
    }
}
