package vectors

import (
	"context"

	"github.com/sashabaranov/go-openai"
)

// Fill computes the vectors of documents in slices of 64.
func Fill(ctx context.Context, client *openai.Client, texts []string, put func(int, []float32) error) error {
	const size = 64
	for start := 0; start < len(texts); start += size {
		end := min(start+size, len(texts))
		resp, err := client.CreateEmbeddings(ctx, openai.EmbeddingRequest{
			Model: openai.SmallEmbedding3,
			Input: texts[start:end],
		})
		if err != nil {
			return err
		}
		for i, item := range resp.Data {
			if err := put(start+i, item.Embedding); err != nil {
				return err
			}
		}
	}
	return nil
}
