package commitline

import (
	"context"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v2"
)

const (
	model     = "gpt-4.1"
	maxTokens = 40
)

// Subject proposes a subject line for the merge of a branch.
func Subject(ctx context.Context, client *openai.Client, branch, diffstat string) (string, error) {
	resp, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{ // expect: narrow-prompt
		Model:               model,
		MaxCompletionTokens: openai.Int(maxTokens),
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.DeveloperMessage("Write the subject line of a merge commit in the imperative."),
			openai.UserMessage(fmt.Sprintf("Branch %s\n%s", branch, diffstat)),
		},
	})
	if err != nil {
		return "", fmt.Errorf("subject of %s: %w", branch, err)
	}
	return strings.TrimSpace(resp.Choices[0].Message.Content), nil
}
