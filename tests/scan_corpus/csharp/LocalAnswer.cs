using Microsoft.Extensions.AI;
using OllamaSharp;

namespace Clinic.Triage;

public class LocalAnswer
{
    private readonly IChatClient _client = new OllamaApiClient(new Uri("http://localhost:11434"), "phi4");

    public async Task<bool> IsEmergencyAsync(string call)
    {
        var response = await _client.GetResponseAsync(
            $"Is this call an emergency? Answer yes or no.\n\n{call}",
            new ChatOptions { Temperature = 0, MaxOutputTokens = 2 });
        return response.Text.StartsWith("yes", StringComparison.OrdinalIgnoreCase);
    }
}
