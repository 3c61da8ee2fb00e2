package local

import (
	"context"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// New returns a client of the llama.cpp server on this host.
func New() *openai.Client {
	config := openai.DefaultConfig("none")
	config.BaseURL = "http://127.0.0.1:8080/v1"
	return openai.NewClientWithConfig(config)
}

// Polite tells whether a letter is polite.
func Polite(ctx context.Context, letter string) (bool, error) {
	resp, err := New().CreateChatCompletion(ctx, openai.ChatCompletionRequest{
		Model:     "llama-3.2-3b-instruct",
		MaxTokens: 1,
		Messages: []openai.ChatCompletionMessage{
			{Role: openai.ChatMessageRoleSystem, Content: "Is the letter polite? Answer yes or no."},
			{Role: openai.ChatMessageRoleUser, Content: letter},
		},
	})
	if err != nil {
		return false, err
	}
	return strings.EqualFold(resp.Choices[0].Message.Content, "yes"), nil
}
