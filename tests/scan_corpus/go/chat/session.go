package chat

import (
	"context"
	"sync"

	"github.com/anthropics/anthropic-sdk-go"
)

// Session is a conversation with one person.
type Session struct {
	mu       sync.Mutex
	client   anthropic.Client
	messages []anthropic.MessageParam
}

// Say appends what the person said and returns the answer.
func (s *Session) Say(ctx context.Context, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, anthropic.NewUserMessage(anthropic.NewTextBlock(text)))
	answer, err := s.client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     "claude-sonnet-4-20250514",
		MaxTokens: 2048,
		System:    []anthropic.TextBlockParam{{Text: "You are a coach for people who learn to run."}},
		Messages:  s.messages,
	})
	if err != nil {
		return "", err
	}
	s.messages = append(s.messages, answer.ToParam())
	return answer.Content[0].Text, nil
}
