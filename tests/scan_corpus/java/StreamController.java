package docs.web;

import java.util.List;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.messages.Message;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;

@RestController
class StreamController {
    private final ChatClient chatClient;
    private final MessageMapper mapper;

    StreamController(ChatClient.Builder builder, MessageMapper mapper) {
        this.chatClient = builder.build();
        this.mapper = mapper;
    }

    @PostMapping(path = "/chat", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    Flux<String> chat(@RequestBody List<MessageDto> conversation) {
        List<Message> messages = mapper.toMessages(conversation);
        return chatClient.prompt().messages(messages).stream().content();
    }
}
