package stream

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/openai/openai-go"
)

type request struct {
	Messages []openai.ChatCompletionMessageParamUnion `json:"messages"`
	Model    string                                   `json:"model"`
}

// Handler passes a conversation on and streams the answer back.
func Handler(client openai.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		stream := client.Chat.Completions.NewStreaming(r.Context(), openai.ChatCompletionNewParams{
			Model:    in.Model,
			Messages: in.Messages,
		})
		for stream.Next() {
			chunk := stream.Current()
			if len(chunk.Choices) > 0 {
				fmt.Fprintf(w, "data: %s\n\n", chunk.Choices[0].Delta.Content)
				w.(http.Flusher).Flush()
			}
		}
	}
}
