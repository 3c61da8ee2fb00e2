package lang

import (
	"context"
	"strings"

	"google.golang.org/genai"
)

const question = "In which language is the text written? Answer en, fr, nl or other.\n\n"

// Detect returns the code of a text's language.
func Detect(ctx context.Context, client *genai.Client, text string) (string, error) {
	resp, err := client.Models.GenerateContent(ctx, "gemini-2.5-pro", genai.Text(question+text), nil) // expect: closed-answer
	if err != nil {
		return "", err
	}
	code := strings.TrimSpace(resp.Text())
	if code == "en" || code == "fr" || code == "nl" {
		return code, nil
	}
	return "other", nil
}
