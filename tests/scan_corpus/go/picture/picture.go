package picture

import (
	"context"
	"encoding/base64"
	"os"

	"github.com/openai/openai-go"
)

const describe = `Describe the photograph of a damaged road in detail: surface, kind and extent of the
damage, traffic signs nearby, and what a road crew should bring.`

// Report writes the report on a photograph.
func Report(ctx context.Context, client openai.Client, path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	url := "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(data)
	completion, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:               openai.ChatModelGPT4o,
		MaxCompletionTokens: openai.Int(1200),
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart(describe),
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
			}),
		},
	})
	if err != nil {
		return "", err
	}
	if completion.Choices[0].FinishReason == "length" {
		return completion.Choices[0].Message.Content + " …", nil
	}
	return completion.Choices[0].Message.Content, nil
}
