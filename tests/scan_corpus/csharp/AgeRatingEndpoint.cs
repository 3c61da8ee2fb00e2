using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.Connectors.OpenAI;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddKernel();
builder.Services.AddOpenAIChatCompletion("gpt-4o", builder.Configuration["OpenAI:Key"]!);

var app = builder.Build();
var ratings = new HashSet<string> { "0", "6", "12", "16", "18" };

app.MapPost("/games/rating", async (Game game, Kernel kernel) =>
{
    var settings = new OpenAIPromptExecutionSettings { MaxTokens = 2, Temperature = 0 };
    var result = await kernel.InvokePromptAsync( // expect: closed-answer
        "From which age is the game suitable? Allowed answers: 0, 6, 12, 16, 18.\n\n{{$description}}",
        new KernelArguments(settings) { ["description"] = game.Description });

    var rating = result.GetValue<string>()!.Trim();
    return ratings.Contains(rating) ? Results.Ok(rating) : Results.Problem("no rating");
});

app.Run();

record Game(string Title, string Description);
