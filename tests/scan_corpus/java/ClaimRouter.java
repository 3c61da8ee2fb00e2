package insurance.claims;

import com.openai.client.OpenAIClient;
import com.openai.models.ChatModel;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;

/** Finds the team that handles a claim. */
public final class ClaimRouter {
    private static final String SYSTEM = """
            You route claims of a household insurance.
            Answer with one word: FIRE, WATER, THEFT, LIABILITY or OTHER.
            """;

    private final OpenAIClient client;

    public ClaimRouter(OpenAIClient client) {
        this.client = client;
    }

    public Team route(String description) {
        ChatCompletionCreateParams params = ChatCompletionCreateParams.builder()
                .model(ChatModel.GPT_4O)
                .maxCompletionTokens(4)
                .addSystemMessage(SYSTEM)
                .addUserMessage(description)
                .build();
        ChatCompletion completion = client.chat().completions().create(params); // expect: closed-answer
        String answer = completion.choices().get(0).message().content().orElse("").trim();
        return switch (answer) {
            case "FIRE", "WATER" -> Team.BUILDING;
            case "THEFT" -> Team.CRIME;
            case "LIABILITY" -> Team.LEGAL;
            default -> Team.GENERAL;
        };
    }

    enum Team { BUILDING, CRIME, LEGAL, GENERAL }
}
