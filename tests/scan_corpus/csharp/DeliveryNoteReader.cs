using System.Text.Json;
using OpenAI.Chat;

namespace Stores.Scanning;

public record DeliveryNote(string Number, string Supplier, DateOnly Date, List<string> Articles);

public class DeliveryNoteReader
{
    private static readonly ChatResponseFormat Format = ChatResponseFormat.CreateJsonSchemaFormat(
        jsonSchemaFormatName: "delivery_note",
        jsonSchema: BinaryData.FromString("""
            {
              "type": "object",
              "properties": {
                "number": { "type": "string" },
                "supplier": { "type": "string" },
                "date": { "type": "string" },
                "articles": { "type": "array", "items": { "type": "string" } }
              },
              "required": ["number", "supplier", "date", "articles"],
              "additionalProperties": false
            }
            """),
        jsonSchemaIsStrict: true);

    private readonly ChatClient _chat;

    public DeliveryNoteReader(ChatClient chat) => _chat = chat;

    public DeliveryNote? Read(string text)
    {
        List<ChatMessage> messages =
        [
            new SystemChatMessage("Read the delivery note."),
            new UserChatMessage(text),
        ];
        ChatCompletion completion = _chat.CompleteChat(messages, new ChatCompletionOptions { ResponseFormat = Format }); // expect: fixed-schema
        return JsonSerializer.Deserialize<DeliveryNote>(completion.Content[0].Text);
    }
}
