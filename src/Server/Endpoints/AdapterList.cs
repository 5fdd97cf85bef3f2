using System.Text.Json;
using MeKi.Model.Adapters;
using MeKi.Server.Requests;
using MeKi.Server.Responses;

namespace MeKi.Server.Endpoints;

/// <summary><c>/lora-adapters</c>: the adapters there are, and those of requests that name none.</summary>
internal sealed class AdapterList(ServedModel served)
{
    private const int Most = 1 << 12;
    private const string Body = "body";

    public Task ListAsync(Exchange exchange)
    {
        IReadOnlyList<AdapterChoice> active = served.Adapters.Active;
        return exchange.WriteAsync<IReadOnlyList<AdapterItem>>(
            [.. served.Adapters.Names().Select((name, i) => new AdapterItem(i, name, active.FirstOrDefault(each => each.Name == name)?.Scale ?? 0))],
            ServerJson.Default.IReadOnlyListAdapterItem);
    }

    public async Task SetAsync(Exchange exchange)
    {
        JsonElement body = await exchange.ReadJsonAsync().ConfigureAwait(false);
        AdapterChoice[] choices = AdapterFields.Read(RequestFields.List(body, Body, Most), served.Adapters);
        await exchange.HoldAsync(choices, Body).ConfigureAwait(false);
        served.Adapters.Active = choices;
        await exchange.WriteAsync(new(Success: true), ServerJson.Default.Outcome).ConfigureAwait(false);
    }
}
