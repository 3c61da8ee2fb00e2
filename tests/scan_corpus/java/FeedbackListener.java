package shop.feedback;

import com.anthropic.client.AnthropicClient;
import com.anthropic.models.messages.Message;
import com.anthropic.models.messages.MessageCreateParams;
import org.springframework.amqp.rabbit.annotation.RabbitListener;
import org.springframework.stereotype.Component;

@Component
public class FeedbackListener {
    private static final String MODEL = "claude-sonnet-4-20250514";

    private final AnthropicClient anthropic;
    private final FeedbackRepository repository;

    public FeedbackListener(AnthropicClient anthropic, FeedbackRepository repository) {
        this.anthropic = anthropic;
        this.repository = repository;
    }

    @RabbitListener(queues = "feedback.new")
    public void onFeedback(Feedback feedback) {
        Message message = anthropic.messages().create(MessageCreateParams.builder() // expect: closed-answer, offline-loop
                .model(MODEL)
                .maxTokens(5L)
                .system("Is the feedback of a customer praise or a complaint? Reply PRAISE or COMPLAINT.")
                .addUserMessage(feedback.text())
                .build());
        String verdict = message.content().get(0).asText().text();
        if (verdict.equals("COMPLAINT")) {
            repository.flag(feedback.id());
        }
    }
}
