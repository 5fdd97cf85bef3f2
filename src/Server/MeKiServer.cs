using MeKi.Model;
using MeKi.Server.Errors;
using MeKi.Server.Requests;
using MeKi.Server.Telemetry;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using OpenTelemetry.Metrics;

namespace MeKi.Server;

/// <summary>A whole application around a model: what <c>meki serve</c> runs. Nothing but what is given here configures it.</summary>
internal static class MeKiServer
{
    private const string MetricsPath = "/metrics";

    /// <summary>Builds the application.</summary>
    /// <param name="model">The model; disposed after the application.</param>
    /// <param name="options">What it allows.</param>
    /// <param name="settings">How it listens.</param>
    /// <param name="change">Changes the builder last; null for no change.</param>
    public static WebApplication Create(
        MeKiModel model, MeKiServerOptions options, ServerSettings settings, Action<WebApplicationBuilder>? change = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options, settings));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("OpenTelemetry", LogLevel.Warning);
        settings.Logging?.Invoke(builder.Logging);
        builder.Services.AddRoutingCore().AddMetrics();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Drain);
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(ServerMetrics.MeterName).AddPrometheusExporter());
        if (options.Origins.Count > 0)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy =>
                policy.WithOrigins([.. options.Origins]).AllowAnyHeader().WithMethods("GET", "POST")));
        }
        change?.Invoke(builder);
        WebApplication app = builder.Build();
        app.UseStatusCodePages(page => Exchange.RefuseAsync(page.HttpContext, Unknown(page.HttpContext)));
        if (options.Origins.Count > 0)
            app.UseCors();
        ApiKeys keys = new(options.ApiKeys);
        app.Use(next => context => context.Request.Path == MetricsPath ? GuardedAsync(context, next, keys, options) : next(context));
        app.MapPrometheusScrapingEndpoint(MetricsPath);
        app.MapMeKi(model, options);
        return app;
    }

    private static void Configure(KestrelServerOptions kestrel, MeKiServerOptions options, ServerSettings settings)
    {
        kestrel.AddServerHeader = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxRequestBodySize = RequestBody.Transported(options.MaxBodyBytes);
        limits.MaxConcurrentConnections = ConnectionLimit.Find();
        // Whoever sends a request, or reads its answer, drop by drop.
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        limits.MinResponseDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(10));
        if (settings.Address is { } address)
            kestrel.Listen(address, settings.Port, Plain);
        else
            kestrel.ListenLocalhost(settings.Port, Plain);
    }

    private static void Plain(ListenOptions listen) => listen.Protocols = HttpProtocols.Http1;

    private static async Task GuardedAsync(HttpContext context, RequestDelegate next, ApiKeys keys, MeKiServerOptions options)
    {
        try
        {
            keys.Check(context, options.Origins);
        }
        catch (ApiException refusal)
        {
            await Exchange.RefuseAsync(context, refusal).ConfigureAwait(false);
            return;
        }
        await next(context).ConfigureAwait(false);
    }

    private static ApiException Unknown(HttpContext context)
    {
        int status = context.Response.StatusCode;
        string message = status switch
        {
            StatusCodes.Status404NotFound => $"There is no '{UntrustedText.Line(context.Request.Path.Value ?? "", 100)}' here.",
            StatusCodes.Status405MethodNotAllowed => $"The method {UntrustedText.Line(context.Request.Method, 20)} is not allowed here.",
            _ => "The request cannot be answered.",
        };
        return new(status, message, code: Failures.CodeOf(status));
    }
}
