using Hangfire;
using OpenAI.Chat;

namespace Bugs.Jobs;

public class DuplicateCheckJob(ChatClientFactory clients, BugStore bugs)
{
    [Queue("low")]
    [AutomaticRetry(Attempts = 2)]
    public async Task RunAsync()
    {
        ChatClient client = new(model: "gpt-4.1", apiKey: clients.Key);
        foreach (var pair in await bugs.CandidatePairsAsync())
        {
            var prompt = $"Do these two reports describe the same bug? Answer \"same\" or \"different\".\n\n" +
                         $"First: {pair.First.Text}\n\nSecond: {pair.Second.Text}";
            var result = await client.CompleteChatAsync(prompt); // expect: closed-answer, offline-loop
            if (result.Value.Content[0].Text == "same")
            {
                await bugs.LinkAsync(pair.First.Id, pair.Second.Id);
            }
        }
    }
}
