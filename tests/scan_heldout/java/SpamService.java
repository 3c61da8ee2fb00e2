package forum;

import com.openai.client.OpenAIClient;
import com.openai.models.ChatModel;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import org.springframework.stereotype.Service;

@Service
public class SpamService {
    private final OpenAIClient client;

    public SpamService(OpenAIClient client) {
        this.client = client;
    }

    public boolean isSpam(String post) {
        var params = ResponseCreateParams.builder()
                .model(ChatModel.GPT_4_1)
                .instructions("Is the post spam? Reply with YES or NO.")
                .input(post)
                .build();
        Response response = client.responses().create(params); // expect: closed-answer
        String text = response.output().get(0).asMessage().content().get(0).asOutputText().text();
        return "YES".equalsIgnoreCase(text.trim());
    }
}
