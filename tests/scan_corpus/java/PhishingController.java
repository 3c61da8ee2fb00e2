package mail.guard;

import org.springframework.ai.chat.client.ChatClient;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/mails")
class PhishingController {
    enum Verdict { PHISHING, HARMLESS, UNSURE }

    record Mail(String from, String subject, String body) {}

    private final ChatClient chatClient;

    PhishingController(ChatClient.Builder builder) {
        this.chatClient = builder.build();
    }

    @PostMapping("/check")
    Verdict check(@RequestBody Mail mail) {
        return chatClient.prompt() // expect: closed-answer
                .system("Judge whether the e-mail is a phishing attempt.")
                .user(u -> u.text("From: {from}\nSubject: {subject}\n\n{body}")
                        .param("from", mail.from())
                        .param("subject", mail.subject())
                        .param("body", mail.body()))
                .call()
                .entity(Verdict.class);
    }
}
