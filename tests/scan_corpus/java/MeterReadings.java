package utilities.meters;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.Model;
import java.nio.file.Files;
import java.nio.file.Path;

public final class MeterReadings {
    private static final String SYSTEM =
            "Explain to the customer why the consumption differs from last year. Take into account the weather, "
                    + "the size of the household, new appliances and the readings. Write a friendly letter.";

    public static void main(String[] args) throws Exception {
        AnthropicClient client = AnthropicOkHttpClient.fromEnv();
        try (var files = Files.list(Path.of(args[0]))) {
            for (Path file : files.toList()) {
                var params = MessageCreateParams.builder()
                        .model(Model.CLAUDE_3_7_SONNET_LATEST)
                        .maxTokens(1500L)
                        .system(SYSTEM)
                        .addUserMessage(Files.readString(file))
                        .build();
                var letter = client.messages().create(params); // expect: offline-loop
                Files.writeString(Path.of(file + ".letter"), letter.content().get(0).asText().text());
            }
        }
    }
}
