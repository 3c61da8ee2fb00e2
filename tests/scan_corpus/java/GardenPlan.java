package garden.plans;

import com.anthropic.client.AnthropicClient;
import com.anthropic.models.messages.Message;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.Model;

public class GardenPlan {
    private final AnthropicClient client;

    public GardenPlan(AnthropicClient client) {
        this.client = client;
    }

    /** Writes a planting plan of several pages for a garden. */
    public String write(String soil, double squareMetres, String wishes) {
        MessageCreateParams params = MessageCreateParams.builder()
                .model(Model.CLAUDE_OPUS_4_20250514)
                .maxTokens(5000L)
                .temperature(0.7)
                .system("You are a landscape gardener. Write a planting plan with a section for each month.")
                .addUserMessage("Soil: %s. Size: %.0f square metres. Wishes: %s".formatted(soil, squareMetres, wishes))
                .build();
        Message message = client.messages().create(params);
        StringBuilder plan = new StringBuilder();
        message.content().forEach(block -> block.text().ifPresent(text -> plan.append(text.text())));
        return plan.toString();
    }
}
