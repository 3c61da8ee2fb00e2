using System.Text.Json;
using OpenAI.Chat;

namespace Post;

public static class LetterKind
{
    private static readonly string[] Kinds = ["invoice", "reminder", "advertisement", "private"];

    public static string Of(ChatClient client, string text)
    {
        var system = $"Say what kind of letter this is. Kinds: {string.Join(", ", Kinds)}. One word.";
        ChatCompletion completion = client.CompleteChat( // expect: closed-answer
            new SystemChatMessage(system),
            new UserChatMessage(text));
        var kind = completion.Content[0].Text.Trim();
        return Array.IndexOf(Kinds, kind) >= 0 ? kind : "private";
    }
}
