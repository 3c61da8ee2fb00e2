using OpenAI.Embeddings;

namespace Helpdesk.Search;

public class EmbedTickets(TicketStore store) : BackgroundService
{
    private readonly EmbeddingClient _client =
        new("text-embedding-3-small", Environment.GetEnvironmentVariable("OPENAI_API_KEY"));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var ticket in store.NewTicketsAsync(stoppingToken))
        {
            OpenAIEmbedding embedding = await _client.GenerateEmbeddingAsync(
                $"{ticket.Subject}\n{ticket.Body}",
                cancellationToken: stoppingToken);
            await store.SaveAsync(ticket.Id, embedding.ToFloats());
        }
    }
}
