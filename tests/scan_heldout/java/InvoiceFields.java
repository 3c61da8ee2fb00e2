package books;

import org.springframework.ai.chat.client.ChatClient;
import org.springframework.stereotype.Component;

@Component
class InvoiceFields {
    record Fields(String number, String iban, String amount, String due) {}

    private final ChatClient chat;

    InvoiceFields(ChatClient.Builder builder) {
        this.chat = builder.defaultSystem("Extract the fields of the invoice.").build();
    }

    Fields read(String text) {
        return chat.prompt().user(text).call().entity(Fields.class); // expect: fixed-schema
    }
}
