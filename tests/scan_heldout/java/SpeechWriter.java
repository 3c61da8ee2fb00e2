package council;

import com.anthropic.client.AnthropicClient;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.Model;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

@RestController
class SpeechWriter {
    private final AnthropicClient client;

    SpeechWriter(AnthropicClient client) {
        this.client = client;
    }

    @PostMapping("/speech")
    String speech(@RequestBody Occasion occasion) {
        var params = MessageCreateParams.builder()
                .model(Model.CLAUDE_OPUS_4_1_20250805)
                .maxTokens(4000L)
                .system("Write a speech of ten minutes for the mayor.")
                .addUserMessage(occasion.title() + "\n" + occasion.notes())
                .build();
        return client.messages().create(params).content().get(0).asText().text();
    }

    record Occasion(String title, String notes) {}
}
