package hiring.agent;

import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.MemoryId;
import dev.langchain4j.service.SystemMessage;
import dev.langchain4j.service.UserMessage;

public class InterviewAgent {
    interface Interviewer {
        @SystemMessage("You find a date for an interview with the applicant. Use the tools.")
        String chat(@MemoryId String applicant, @UserMessage String text);
    }

    private final Interviewer interviewer;

    public InterviewAgent(ChatModel model, CalendarTools calendar, MailTools mail) {
        this.interviewer = AiServices.builder(Interviewer.class)
                .chatModel(model)
                .chatMemoryProvider(id -> MessageWindowChatMemory.withMaxMessages(30))
                .tools(calendar, mail)
                .build();
    }

    public String reply(String applicant, String text) {
        return interviewer.chat(applicant, text);
    }
}
