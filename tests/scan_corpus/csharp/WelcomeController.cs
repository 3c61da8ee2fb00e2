using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;

namespace Gym.Web.Controllers;

[ApiController]
[Route("welcome")]
public class WelcomeController(HttpClient http, IConfiguration configuration) : ControllerBase
{
    [HttpGet]
    public async Task<string> Get()
    {
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", configuration["OpenAI:Key"]);
        var response = await http.PostAsJsonAsync("https://api.openai.com/v1/chat/completions", new
        {
            model = "gpt-4o",
            messages = new object[]
            {
                new { role = "system", content = "You are a trainer in a gym." },
                new { role = "user", content = "What should I bring to my first visit? Four bullet points." },
            },
        });
        var body = await response.Content.ReadFromJsonAsync<JsonNode>();
        return body!["choices"]![0]!["message"]!["content"]!.GetValue<string>();
    }
}
