package bank.assistant;

import com.openai.client.OpenAIClient;
import com.openai.models.ChatModel;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import java.util.List;

public class ChatService {
    private final OpenAIClient client;
    private final HistoryStore history;

    public ChatService(OpenAIClient client, HistoryStore history) {
        this.client = client;
        this.history = history;
    }

    public String reply(String conversation, String text) {
        history.add(conversation, "user", text);
        var builder = ChatCompletionCreateParams.builder()
                .model(ChatModel.GPT_4O)
                .addSystemMessage("You are the assistant of a savings bank. Never give advice on investments.");
        List<Turn> turns = history.load(conversation);
        for (Turn turn : turns) {
            if (turn.role().equals("user")) {
                builder.addUserMessage(turn.text());
            } else {
                builder.addAssistantMessage(turn.text());
            }
        }
        String answer = client.chat().completions().create(builder.build())
                .choices().get(0).message().content().orElse("");
        history.add(conversation, "assistant", answer);
        return answer;
    }
}
