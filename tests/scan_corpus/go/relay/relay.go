// Package relay sends completions of shell commands; it has nothing to do with language models.
package relay

import (
	"context"
	"errors"
)

// Completions are the words that a shell may offer.
type Completions struct{ words []string }

// CompletionNewParams say what is to be completed.
type CompletionNewParams struct {
	Model    string
	Messages []string
}

// New returns what fits.
func (c *Completions) New(_ context.Context, params CompletionNewParams) ([]string, error) {
	if params.Model != "bash" && params.Model != "zsh" {
		return nil, errors.New("unknown shell")
	}
	return append(c.words, params.Messages...), nil
}

type chat struct{ Completions *Completions }

// Complete offers words for a line.
func Complete(ctx context.Context, line string) ([]string, error) {
	client := struct{ Chat chat }{chat{&Completions{words: []string{"yes", "no"}}}}
	return client.Chat.Completions.New(ctx, CompletionNewParams{Model: "bash", Messages: []string{line}})
}
