using Microsoft.AspNetCore.Builder;
using Microsoft.Playwright;

namespace MeKi.Server.Tests;

/// <summary>A fact that needs a browser; reported as skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrowserFactAttribute : FactAttribute
{
    public const string Browser = "/usr/bin/chromium";

    public BrowserFactAttribute()
    {
        if (!File.Exists(Browser))
            Skip = $"needs {Browser}: apt-get install chromium";
    }
}

/// <summary>The page in Chromium, against the demo model and against answers that are made up.</summary>
public sealed class PageTests(ServerFixture server, Chromium chromium) : IClassFixture<ServerFixture>, IClassFixture<Chromium>
{
    private const string Hostile = "<script>document.title='taken'</script> **bold** [here](javascript:alert(1)) <img src=x onerror=alert(1)>";

    [BrowserFact]
    public async Task It_streams_stops_retries_and_survives_a_reload()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using Visit visit = await Visit.ToAsync(chromium, app);
        IPage page = visit.Page;
        await page.GetByLabel("Settings").First.ClickAsync();
        await page.GetByLabel("Most tokens").FillAsync("20");
        await AskAsync(page, "Who is there?");
        await Assertions.Expect(page.Locator(".numbers")).ToContainTextAsync("tokens");
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator(".user .said")).ToHaveTextAsync("Who is there?");
        await page.GetByRole(AriaRole.Button, new() { Name = "Retry" }).ClickAsync();
        await Assertions.Expect(page.Locator(".numbers")).ToContainTextAsync("tokens");
        await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(1);
        Assert.Empty(visit.Problems);
    }

    [BrowserFact]
    public async Task Stop_ends_an_answer_that_has_not_come()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using Visit visit = await Visit.ToAsync(chromium, app, slow: true);
        IPage page = visit.Page;
        await AskAsync(page, "Say on!");
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop" }).ClickAsync();
        await Assertions.Expect(page.Locator("#send")).ToBeVisibleAsync();
        Assert.Empty(visit.Problems);
    }

    [BrowserFact]
    public async Task On_a_phone_by_keyboard_a_message_is_edited_and_the_conversation_exported()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using Visit visit = await Visit.ToAsync(chromium, app, answer: "**Yes.** " + new string('x', 300));
        IPage page = visit.Page;
        await page.SetViewportSizeAsync(390, 844);
        await AskAsync(page, "Who is there?");
        await Assertions.Expect(page.Locator(".assistant .said")).ToContainTextAsync("Yes.");
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Edit" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.GetByLabel("Edit the message").FillAsync("Who goes there?");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".user .said")).ToHaveTextAsync("Who goes there?");
        await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(1);
        await page.GetByLabel("Conversations", new() { Exact = true }).And(page.GetByRole(AriaRole.Button)).ClickAsync();
        IDownload file = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Button, new() { Name = "Export as JSON" }).ClickAsync());
        Assert.Contains("Who goes there?", await File.ReadAllTextAsync(await file.PathAsync()), StringComparison.Ordinal);
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("#side")).ToBeHiddenAsync();
        Assert.Empty(visit.Problems);
    }

    [BrowserFact]
    public async Task What_a_model_writes_never_becomes_more_than_text_and_a_little_Markdown()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using Visit visit = await Visit.ToAsync(chromium, app, answer: Hostile);
        IPage page = visit.Page;
        await AskAsync(page, "Be evil.");
        ILocator said = page.Locator(".assistant .said");
        await Assertions.Expect(said).ToContainTextAsync("<script>document.title='taken'</script>");
        await Assertions.Expect(said).ToContainTextAsync("<img src=x onerror=alert(1)>");
        Assert.Equal("bold", await said.Locator("strong").TextContentAsync());
        Assert.Equal(0, await said.Locator("a, img, script").CountAsync());
        Assert.DoesNotContain("taken", await page.TitleAsync(), StringComparison.Ordinal);
        Assert.Empty(visit.Problems);
    }

    private static async Task AskAsync(IPage page, string text)
    {
        await page.GetByLabel("Message", new() { Exact = true }).FillAsync(text);
        await page.Keyboard.PressAsync("Enter");
    }

    /// <summary>Somebody on the page; what it complains of is noted.</summary>
    private sealed class Visit(IPage page) : IAsyncDisposable
    {
        public IPage Page => page;

        public List<string> Problems { get; } = [];

        public static async Task<Visit> ToAsync(Chromium chromium, WebApplication app, string? answer = null, bool slow = false)
        {
            Visit visit = new(await chromium.Browser!.NewPageAsync());
            visit.Page.PageError += (_, problem) => visit.Problems.Add(problem);
            visit.Page.Console += (_, message) =>
            {
                if (message.Type == "error")
                    visit.Problems.Add(message.Text);
            };
            if (answer is not null)
            {
                string chunk = System.Text.Json.JsonSerializer.Serialize(answer);
                await visit.Page.RouteAsync("**/v1/chat/completions", route => route.FulfillAsync(new()
                {
                    ContentType = "text/event-stream",
                    Body = $"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{chunk}}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n",
                }));
            }
            if (slow)
                await visit.Page.RouteAsync("**/v1/chat/completions", _ => Task.CompletedTask);
            await visit.Page.GotoAsync(app.Urls.First());
            return visit;
        }

        public async ValueTask DisposeAsync() => await page.CloseAsync();
    }
}
