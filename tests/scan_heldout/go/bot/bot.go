package bot

import (
	"context"

	"github.com/sashabaranov/go-openai"
)

// Bot answers in a channel.
type Bot struct {
	client  *openai.Client
	history map[string][]openai.ChatCompletionMessage
}

// Answer answers a message of a channel.
func (b *Bot) Answer(ctx context.Context, channel, text string) (string, error) {
	b.history[channel] = append(b.history[channel], openai.ChatCompletionMessage{Role: "user", Content: text})
	req := openai.ChatCompletionRequest{Model: openai.GPT4o, Messages: b.history[channel]}
	resp, err := b.client.CreateChatCompletion(ctx, req)
	if err != nil {
		return "", err
	}
	b.history[channel] = append(b.history[channel], resp.Choices[0].Message)
	return resp.Choices[0].Message.Content, nil
}
