using Microsoft.AspNetCore.SignalR;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Portal.Hubs;

public class ChatHub(IChatCompletionService chat, ConversationCache cache) : Hub
{
    public async Task Send(string text)
    {
        ChatHistory history = cache.GetOrCreate(
            Context.ConnectionId,
            () => new ChatHistory("You answer questions of citizens about the services of the town."));
        history.AddUserMessage(text);

        var reply = await chat.GetChatMessageContentAsync(history);

        history.AddAssistantMessage(reply.Content ?? "");
        await Clients.Caller.SendAsync("reply", reply.Content);
    }
}
