package press.templates;

import com.anthropic.client.AnthropicClient;
import com.anthropic.models.messages.MessageCreateParams;
import java.util.Map;
import org.springframework.jdbc.core.simple.JdbcClient;

public class TemplateService {
    private final AnthropicClient client;
    private final JdbcClient jdbc;

    public TemplateService(AnthropicClient client, JdbcClient jdbc) {
        this.client = client;
        this.jdbc = jdbc;
    }

    public String run(long templateId, Map<String, String> values) {
        Template template = jdbc.sql("select body, model, max_tokens from template where id = ?")
                .param(templateId)
                .query(Template.class)
                .single();
        String prompt = template.body();
        for (var entry : values.entrySet()) {
            prompt = prompt.replace("{" + entry.getKey() + "}", entry.getValue());
        }
        var params = MessageCreateParams.builder()
                .model(template.model())
                .maxTokens(template.maxTokens())
                .addUserMessage(prompt)
                .build();
        return client.messages().create(params).content().get(0).asText().text();
    }

    record Template(String body, String model, long maxTokens) {}
}
