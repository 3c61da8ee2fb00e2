package help

import (
	"context"
	"net/http"

	"github.com/sashabaranov/go-openai"
)

// Page serves the help page of the backup tool.
type Page struct {
	LLM *openai.Client
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := p.intro(r.Context())
	if err != nil {
		http.Error(w, "help is not available", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

func (p *Page) intro(ctx context.Context) (string, error) {
	req := openai.ChatCompletionRequest{
		Model: openai.GPT4o,
		Messages: []openai.ChatCompletionMessage{
			{Role: "system", Content: "You explain software to people who do not program."},
			{Role: "user", Content: "What is the difference between a full and an incremental backup?"},
		},
	}
	resp, err := p.LLM.CreateChatCompletion(ctx, req)
	if err != nil {
		return "", err
	}
	return resp.Choices[0].Message.Content, nil
}
