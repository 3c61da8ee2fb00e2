package answers

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/vectorstores"
)

// Answerer answers questions about the parish archive.
type Answerer struct {
	store vectorstores.VectorStore
	llm   *openai.LLM
}

// Answer looks for pages and answers from them.
func (a *Answerer) Answer(ctx context.Context, question string) (string, error) {
	pages, err := a.store.SimilaritySearch(ctx, question, 6)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, page := range pages {
		fmt.Fprintf(&b, "[%v]\n%s\n\n", page.Metadata["folio"], page.PageContent)
	}
	prompt := fmt.Sprintf("Answer the question from these pages of the archive.\n\n%s\nQuestion: %s", b.String(), question)
	return llms.GenerateFromSinglePrompt(ctx, a.llm, prompt)
}
