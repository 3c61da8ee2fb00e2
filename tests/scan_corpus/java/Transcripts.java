package court.transcripts;

import com.openai.client.OpenAIClient;
import com.openai.models.ChatModel;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import java.util.ArrayList;
import java.util.List;

/** Turns the recording's raw text into turns of speakers. */
public class Transcripts {
    private final OpenAIClient client;
    private final Prompts prompts;

    public Transcripts(OpenAIClient client, Prompts prompts) {
        this.client = client;
        this.prompts = prompts;
    }

    public List<String> turns(String raw) {
        var params = ChatCompletionCreateParams.builder()
                .model(ChatModel.GPT_4O)
                .addSystemMessage(prompts.load("transcript"))
                .addUserMessage(raw)
                .build();
        String text = client.chat().completions().create(params).choices().get(0).message().content().orElse("");
        List<String> turns = new ArrayList<>();
        for (String line : text.split("\n")) {
            if (line.startsWith("Judge:") || line.startsWith("Witness:")) {
                turns.add(line);
            } else if (!line.equals("--")) {
                turns.set(turns.size() - 1, turns.get(turns.size() - 1) + " " + line);
            }
        }
        return turns;
    }

    interface Prompts {
        String load(String name);
    }
}
