using Microsoft.EntityFrameworkCore;
using OpenAI.Chat;

namespace Studio.Prompts;

public class PromptLibrary(StudioDb db, string apiKey)
{
    public async Task<string> RunAsync(Guid id, IReadOnlyDictionary<string, string> values)
    {
        var prompt = await db.Prompts.AsNoTracking().SingleAsync(p => p.Id == id);
        var text = values.Aggregate(prompt.Body, (body, pair) => body.Replace("{" + pair.Key + "}", pair.Value));

        var client = new ChatClient(prompt.Model, apiKey);
        ChatCompletion completion = await client.CompleteChatAsync(
            [new UserChatMessage(text)],
            new ChatCompletionOptions { MaxOutputTokenCount = prompt.MaxTokens });
        return completion.Content[0].Text;
    }
}
