using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.Connectors.OpenAI;

namespace Shop.Workers;

public class SlogansWorker(Kernel kernel, ProductQueue queue) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var settings = new OpenAIPromptExecutionSettings { ModelId = "gpt-4o", MaxTokens = 30 };
        await foreach (var product in queue.ReadAllAsync(stoppingToken))
        {
            var result = await kernel.InvokePromptAsync( // expect: narrow-prompt, offline-loop
                $"Write a caption for the picture of this product: {product.Name}",
                new KernelArguments(settings),
                cancellationToken: stoppingToken);
            product.Caption = result.ToString();
        }
    }
}
