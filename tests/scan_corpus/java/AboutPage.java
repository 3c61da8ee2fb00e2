package museum.web;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import org.springframework.stereotype.Controller;
import org.springframework.ui.Model;
import org.springframework.web.bind.annotation.GetMapping;

@Controller
public class AboutPage {
    private static final String QUESTION =
            "Explain in one paragraph what a lithograph is and how it differs from an etching.";

    private final ChatModel chat = OpenAiChatModel.builder()
            .apiKey(System.getenv("OPENAI_API_KEY"))
            .modelName("gpt-4o")
            .build();

    @GetMapping("/about/lithographs")
    public String lithographs(Model model) {
        model.addAttribute("text", chat.chat(QUESTION));
        return "about/lithographs";
    }
}
