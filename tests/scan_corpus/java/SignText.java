package trails.signs;

import java.util.List;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeClient;
import software.amazon.awssdk.services.bedrockruntime.model.ContentBlock;
import software.amazon.awssdk.services.bedrockruntime.model.ConversationRole;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseResponse;
import software.amazon.awssdk.services.bedrockruntime.model.Message;

/** Texts for the signs along a nature trail. */
public class SignText {
    private static final String MODEL = "anthropic.claude-3-5-sonnet-20240620-v1:0";

    private final BedrockRuntimeClient bedrock;

    public SignText(BedrockRuntimeClient bedrock) {
        this.bedrock = bedrock;
    }

    /** Translates the text of a sign into Italian. */
    public String italian(String text) {
        return ask("Translate the sign into Italian, without comments: " + text, 150); // expect: narrow-prompt
    }

    private String ask(String prompt, int maxTokens) {
        Message message = Message.builder()
                .role(ConversationRole.USER)
                .content(ContentBlock.fromText(prompt))
                .build();
        ConverseResponse response = bedrock.converse(request -> request
                .modelId(MODEL)
                .messages(List.of(message))
                .inferenceConfig(config -> config.maxTokens(maxTokens).temperature(0f)));
        return response.output().message().content().get(0).text();
    }
}
