using Azure;
using Azure.AI.OpenAI;
using OpenAI.Chat;

namespace Pool.Site;

public class ClosedDays
{
    private readonly ChatClient _chat;

    public ClosedDays(IConfiguration configuration)
    {
        var azure = new AzureOpenAIClient(
            new Uri(configuration["Azure:Endpoint"]!),
            new AzureKeyCredential(configuration["Azure:Key"]!));
        _chat = azure.GetChatClient("gpt-4o");
    }

    public async Task<string> RulesAsync()
    {
        var messages = new List<ChatMessage>
        {
            new SystemChatMessage("You write signs for a public swimming pool."),
            new UserChatMessage("Write the rules of the diving platform in six short sentences."),
        };
        var result = await _chat.CompleteChatAsync(messages);
        return result.Value.Content[0].Text;
    }

    public async Task<string> HeadlineAsync(string notice)
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 15 };
        var result = await _chat.CompleteChatAsync([new UserChatMessage($"Headline for this notice: {notice}")], options); // expect: narrow-prompt
        return result.Value.Content[0].Text;
    }
}
