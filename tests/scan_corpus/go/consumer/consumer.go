package consumer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	openai "github.com/sashabaranov/go-openai"
	"github.com/segmentio/kafka-go"
)

type alert struct {
	Host string `json:"host"`
	Text string `json:"text"`
}

// Run reads alerts from the topic and pages somebody for those that matter.
func Run(ctx context.Context, reader *kafka.Reader, client *openai.Client, page func(alert)) error {
	for {
		msg, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		var a alert
		if err := json.Unmarshal(msg.Value, &a); err != nil {
			slog.Warn("skipping", "offset", msg.Offset, "err", err)
			continue
		}
		resp, err := client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{ // expect: closed-answer, offline-loop
			Model:     "gpt-4",
			MaxTokens: 1,
			Messages: []openai.ChatCompletionMessage{{
				Role:    openai.ChatMessageRoleUser,
				Content: fmt.Sprintf("Should someone be woken for this alert? yes/no\n\n%s: %s", a.Host, a.Text),
			}},
		})
		if err != nil {
			slog.Error("model", "err", err)
			page(a)
			continue
		}
		if strings.HasPrefix(strings.ToLower(resp.Choices[0].Message.Content), "yes") {
			page(a)
		}
	}
}
