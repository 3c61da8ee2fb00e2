package insurance.policies;

import com.openai.client.OpenAIClient;
import com.openai.models.ChatModel;
import com.openai.models.chat.completions.StructuredChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import java.util.List;

public class PolicyReader {
    public static class Policy {
        public String number;
        public String holder;
        public String validUntil;
        public List<String> exclusions;
    }

    private final OpenAIClient openai;

    public PolicyReader(OpenAIClient openai) {
        this.openai = openai;
    }

    public Policy read(String text) {
        StructuredChatCompletionCreateParams<Policy> params = ChatCompletionCreateParams.builder()
                .model(ChatModel.GPT_4_1)
                .addSystemMessage("Extract the policy's number, holder, end and exclusions.")
                .addUserMessage(text)
                .responseFormat(Policy.class)
                .build();
        return openai.chat().completions().create(params) // expect: fixed-schema
                .choices().stream()
                .flatMap(choice -> choice.message().content().stream())
                .findFirst()
                .orElseThrow();
    }
}
