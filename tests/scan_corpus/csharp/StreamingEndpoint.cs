using System.Runtime.CompilerServices;
using OpenAI.Chat;

namespace Docs.Api;

public class StreamingEndpoint(ChatClient client)
{
    public async IAsyncEnumerable<string> Answer(
        IReadOnlyList<ChatMessage> conversation,
        [EnumeratorCancellation] CancellationToken token)
    {
        await foreach (var update in client.CompleteChatStreamingAsync(conversation, cancellationToken: token))
        {
            foreach (var part in update.ContentUpdate)
            {
                yield return part.Text;
            }
        }
    }
}
