using Anthropic.SDK;
using Anthropic.SDK.Constants;
using Anthropic.SDK.Messaging;

namespace Archive.Folders;

public class FolderName
{
    private const int MaxTokens = 20;
    private readonly AnthropicClient _client;

    public FolderName(AnthropicClient client) => _client = client;

    public async Task<string> SuggestAsync(IEnumerable<string> fileNames)
    {
        var parameters = new MessageParameters
        {
            Model = AnthropicModels.Claude35Sonnet,
            MaxTokens = MaxTokens,
            System = [new SystemMessage("Suggest a name for a folder that holds these files. Name only.")],
            Messages = [new Message(RoleType.User, string.Join("\n", fileNames))],
        };
        var response = await _client.Messages.GetClaudeMessageAsync(parameters); // expect: narrow-prompt
        return response.Message.ToString().Trim();
    }
}
