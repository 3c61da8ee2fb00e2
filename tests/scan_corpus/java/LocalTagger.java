package notes.tags;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.ollama.OllamaChatModel;
import java.util.Set;

public class LocalTagger {
    private static final Set<String> TAGS = Set.of("work", "home", "travel");

    private final ChatModel model = OllamaChatModel.builder()
            .baseUrl("http://localhost:11434")
            .modelName("llama3.2")
            .temperature(0.0)
            .build();

    public String tag(String note) {
        String answer = model.chat("Tag the note with one word, work, home or travel:\n" + note).trim();
        return TAGS.contains(answer) ? answer : "home";
    }
}
