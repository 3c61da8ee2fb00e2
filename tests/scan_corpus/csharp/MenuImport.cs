using Microsoft.Extensions.AI;

namespace Canteen.Import;

public record Dish(string Name, decimal Price, string[] Allergens);

public static class MenuImport
{
    public static async Task Main(string[] args)
    {
        IChatClient client = new OpenAI.OpenAIClient(Environment.GetEnvironmentVariable("OPENAI_API_KEY"))
            .GetChatClient("gpt-4o-mini")
            .AsIChatClient();

        foreach (var file in Directory.EnumerateFiles(args[0], "*.txt"))
        {
            var text = await File.ReadAllTextAsync(file);
            var response = await client.GetResponseAsync<Dish[]>($"List the dishes of the menu with price and allergens.\n\n{text}"); // expect: fixed-schema, offline-loop
            foreach (var dish in response.Result)
            {
                Console.WriteLine($"{Path.GetFileName(file)}\t{dish.Name}\t{dish.Price}");
            }
        }
    }
}
