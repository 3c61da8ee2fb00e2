using OpenAI.Chat;

namespace Parcels.Support;

public enum Intent { Track, Redirect, Complain, Other }

/// <summary>Decides what a recipient wants.</summary>
public sealed class ParcelIntent
{
    private const string Instruction =
        "What does the recipient of a parcel want? Answer with one word: track, redirect, complain or other.";

    private readonly ChatClient _client = new("gpt-4o", Environment.GetEnvironmentVariable("OPENAI_API_KEY"));

    public async Task<Intent> OfAsync(string message, CancellationToken token = default)
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 3, Temperature = 0f };
        ChatCompletion completion = await _client.CompleteChatAsync( // expect: closed-answer
            [new SystemChatMessage(Instruction), new UserChatMessage(message)],
            options,
            token);

        return completion.Content[0].Text.Trim() switch
        {
            "track" => Intent.Track,
            "redirect" => Intent.Redirect,
            "complain" => Intent.Complain,
            _ => Intent.Other,
        };
    }
}
