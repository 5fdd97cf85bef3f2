using System.Globalization;
using System.Text.Json.Nodes;
using MeKi.Model.Templates;
using MeKi.Tests;

namespace MeKi.Model.Tests.Templates;

/// <summary>Templates of published models over conversations, with the text that Python's Jinja2 makes of each.</summary>
public sealed class PublishedTemplateTests
{
    private const string Judges = "templates";

    public static TheoryData<string> Models => !SharedMaterial.Has(Judges) ? [""]
        : [.. Directory.GetFiles(SharedMaterial.Path(Judges), "*.jinja").Select(static file => Path.GetFileNameWithoutExtension(file)).Order()];

    [SharedTheory(Judges)]
    [MemberData(nameof(Models))]
    public void A_conversation_becomes_the_text_that_Python_makes_of_it(string model)
    {
        JsonNode judge = JsonNode.Parse(File.ReadAllText(SharedMaterial.Path($"{Judges}/{model}.json")))!;
        ChatTemplate template = ChatTemplate.Load(SharedMaterial.Path($"{Judges}/{model}.jinja"));
        FixedClock clock = new(DateTime.Parse((string)judge["now"]!, CultureInfo.InvariantCulture));
        foreach (JsonNode? each in (JsonArray)judge["cases"]!)
        {
            string? expected = (string?)each!["expected"], error = (string?)each["error"];
            ChatTemplateInput input = new()
            {
                Messages = (JsonArray)each["messages"]!,
                Tools = (JsonArray?)each["tools"],
                AddGenerationPrompt = (bool)each["variables"]!["add_generation_prompt"]!,
                Variables = (JsonObject)each["variables"]!,
                Clock = clock,
            };
            if (expected is not null)
                Assert.Equal((each["title"]!.ToString(), expected), (each["title"]!.ToString(), template.Render(input)));
            else if (error!.StartsWith("TemplateError: ", StringComparison.Ordinal))
                Assert.Equal(error, "TemplateError: " + Assert.Throws<ChatTemplateException>(() => template.Render(input)).RaisedMessage);
            else
                Assert.Null(Assert.Throws<ChatTemplateException>(() => template.Render(input)).RaisedMessage);
        }
    }
}
