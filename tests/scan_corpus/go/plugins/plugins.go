package plugins

import (
	"context"

	"github.com/openai/openai-go"
)

// Prompt is what a plugin's manifest says.
type Prompt struct {
	System    string  `yaml:"system"`
	Model     string  `yaml:"model"`
	MaxTokens int64   `yaml:"max_tokens"`
	Heat      float64 `yaml:"temperature"`
}

// Run carries out the prompt of a plugin.
func Run(ctx context.Context, client openai.Client, prompt Prompt, input string) (string, error) {
	completion, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:               prompt.Model,
		Temperature:         openai.Float(prompt.Heat),
		MaxCompletionTokens: openai.Int(prompt.MaxTokens),
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(prompt.System),
			openai.UserMessage(input),
		},
	})
	if err != nil {
		return "", err
	}
	return completion.Choices[0].Message.Content, nil
}
