using System.Text.Json.Nodes;
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

    [BrowserFact]
    public async Task Thoughts_are_folded_calls_are_shown_and_answered_and_the_settings_reach_the_server()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using Visit visit = await Visit.ToAsync(chromium, app);
        IPage page = visit.Page;
        List<JsonNode> asked = [];
        await page.RouteAsync("**/v1/chat/completions", route =>
        {
            asked.Add(JsonNode.Parse(route.Request.PostData!)!);
            string delta = asked.Count == 1
                ? """{"reasoning_content":"Hm, hm.","tool_calls":[{"index":0,"id":"c1","function":{"name":"weather","arguments":"{\"a\":1}"}}]}"""
                : """{"content":"It rains."}""";
            return route.FulfillAsync(new()
            {
                ContentType = "text/event-stream",
                Body = $"data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":\"stop\"}}],\"timings\":{Timings}}}\n\ndata: [DONE]\n\n",
            });
        });
        await page.GetByLabel("Settings").First.ClickAsync();
        await page.GetByLabel("System prompt").FillAsync("Be brief.");
        await page.GetByLabel("Temperature").FillAsync("0.5");
        await page.GetByLabel("Thinking").SelectOptionAsync("low");
        await page.GetByLabel("Tools, as JSON").FillAsync("""[{"type":"function","function":{"name":"weather"}}]""");
        await AskAsync(page, "How is it?");
        ILocator thought = page.Locator("details.thought");
        await Assertions.Expect(thought.Locator("summary")).ToHaveTextAsync("Thoughts");
        await Assertions.Expect(thought.Locator(".inner")).ToBeHiddenAsync();
        await thought.Locator("summary").ClickAsync();
        await Assertions.Expect(thought.Locator(".inner")).ToHaveTextAsync("Hm, hm.");
        await Assertions.Expect(page.Locator("details.call summary")).ToHaveTextAsync("Calls weather");
        await Assertions.Expect(page.Locator(".numbers")).ToContainTextAsync("20.0 tokens/s");
        await Assertions.Expect(page.Locator(".numbers")).ToContainTextAsync("7 rows, 1.5 kB from storage, 75 % in memory");
        await page.GetByLabel("What weather gives").FillAsync("rain");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".assistant .said").Last).ToHaveTextAsync("It rains.");
        Assert.Equal((0.5, "low", "weather"),
            ((double)asked[0]["temperature"]!, (string?)asked[0]["reasoning_effort"], (string?)asked[0]["tools"]![0]!["function"]!["name"]));
        Assert.Equal(["system", "user"], asked[0]["messages"]!.AsArray().Select(each => (string?)each!["role"]));
        JsonArray second = asked[1]["messages"]!.AsArray();
        Assert.Equal(["system", "user", "assistant", "tool"], second.Select(each => (string?)each!["role"]));
        Assert.Equal(("rain", "c1", "Hm, hm."),
            ((string?)second[3]!["content"], (string?)second[3]!["tool_call_id"], (string?)second[2]!["reasoning_content"]));
        Assert.Empty(visit.Problems);
    }

    [BrowserFact]
    public async Task Two_tabs_keep_each_others_conversations()
    {
        await using WebApplication app = await server.ListeningAsync();
        await using IBrowserContext context = await chromium.Browser!.NewContextAsync();
        await using Visit first = await Visit.ToAsync(chromium, app, answer: "One.", context: context), second = await Visit.ToAsync(
            chromium, app, answer: "Two.", context: context);
        await AskAsync(first.Page, "Who is first?");
        await Assertions.Expect(first.Page.Locator(".assistant .said")).ToHaveTextAsync("One.");
        await Assertions.Expect(second.Page.Locator("#list .open")).ToHaveCountAsync(1);
        await AskAsync(second.Page, "Who is second?");
        await Assertions.Expect(second.Page.Locator(".assistant .said")).ToHaveTextAsync("Two.");
        await second.Page.ReloadAsync();
        await Assertions.Expect(second.Page.Locator("#list .open")).ToHaveTextAsync(["Who is second?", "Who is first?"]);
    }

    private const string Timings =
        """{"cache_n":3,"prompt_n":4,"predicted_n":9,"predicted_per_second":20,"row_hits":21,"row_misses":7,"rows_read":7,"row_bytes":1500}""";

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

        public static async Task<Visit> ToAsync(
            Chromium chromium, WebApplication app, string? answer = null, bool slow = false, IBrowserContext? context = null)
        {
            Visit visit = new(await (context?.NewPageAsync() ?? chromium.Browser!.NewPageAsync()));
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
