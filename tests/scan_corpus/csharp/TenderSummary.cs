using OpenAI.Chat;

namespace Tenders.Analysis;

public class TenderSummary(ChatClient client)
{
    private const string System = """
        You prepare decisions on whether to bid. Write an analysis of the tender of two pages:
        scope, qualification criteria, risks, deadlines, and an estimate of the effort.
        """;

    public async Task<string> WriteAsync(Tender tender)
    {
        var completion = await client.CompleteChatAsync(
            new SystemChatMessage(System),
            new UserChatMessage($"Authority: {tender.Authority}\nLots: {tender.Lots}\n\n{tender.Text}"));
        return completion.Value.Content[0].Text;
    }
}

public record Tender(string Authority, int Lots, string Text);
