package intake

import (
	"context"
	"os"
	"testing"

	"github.com/openai/openai-go"
)

func TestPromptLive(t *testing.T) {
	if os.Getenv("OPENAI_API_KEY") == "" {
		t.Skip("no key")
	}
	client := openai.NewClient()
	completion, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model: "gpt-4o",
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage("Reply with exactly one of: glass, collision."),
			openai.UserMessage("A stone hit my windscreen."),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := completion.Choices[0].Message.Content; got != "glass" {
		t.Errorf("got %q", got)
	}
}
