using Microsoft.Playwright;

namespace MeKi.Server.Tests;

/// <summary>One browser for all visits; none where it is not installed.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private IPlaywright? _playwright;

    internal IBrowser? Browser { get; private set; }

    public async Task InitializeAsync()
    {
        if (!File.Exists(BrowserFactAttribute.Browser))
            return;
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = BrowserFactAttribute.Browser, Args = ["--no-sandbox", "--disable-gpu"] });
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null)
            await Browser.CloseAsync();
        _playwright?.Dispose();
    }
}
