using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.Agents;
using Microsoft.SemanticKernel.Connectors.OpenAI;

namespace Fleet.Agents;

public static class FleetAgent
{
    public static async Task<string> RunAsync(Kernel kernel, string task)
    {
        kernel.Plugins.AddFromType<VehiclePlugin>();
        kernel.Plugins.AddFromType<CalendarPlugin>();
        kernel.Plugins.AddFromType<MailPlugin>();

        ChatCompletionAgent agent = new()
        {
            Name = "Dispatcher",
            Instructions = "You dispatch the vehicles of a car pool. Use the plugins.",
            Kernel = kernel,
            Arguments = new KernelArguments(
                new OpenAIPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }),
        };

        var text = "";
        await foreach (var item in agent.InvokeAsync(task))
        {
            text += item.Message.Content;
        }
        return text;
    }
}
