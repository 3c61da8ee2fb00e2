// Package intake sorts incoming claims of a car insurance.
package intake

import (
	"context"
	"strings"

	"github.com/openai/openai-go"
)

const systemPrompt = `You sort claims of a car insurance.
Reply with exactly one of: glass, collision, theft, hail, unknown.`

// Sorter decides on the kind of a claim.
type Sorter struct {
	client openai.Client
}

// Kind returns the kind of a claim.
func (s *Sorter) Kind(ctx context.Context, claim string) (string, error) {
	completion, err := s.client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{ // expect: closed-answer
		Model: openai.ChatModelGPT4o,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(systemPrompt),
			openai.UserMessage(claim),
		},
		Temperature: openai.Float(0),
	})
	if err != nil {
		return "", err
	}
	switch kind := strings.TrimSpace(completion.Choices[0].Message.Content); kind {
	case "glass", "collision", "theft", "hail":
		return kind, nil
	default:
		return "unknown", nil
	}
}
