// Command tagphotos reads captions from a file and writes their places and people as JSON lines.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

const instruction = `Find the names in the caption of a photograph. Return JSON and nothing else:
{"people": ["..."], "places": ["..."], "year": 1900}`

func main() {
	captions := bufio.NewScanner(os.Stdin)
	for captions.Scan() {
		payload, _ := json.Marshal(map[string]any{
			"model":           "gpt-4o",
			"response_format": map[string]string{"type": "json_object"},
			"messages": []map[string]string{
				{"role": "system", "content": instruction},
				{"role": "user", "content": captions.Text()},
			},
		})
		req, err := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/chat/completions", bytes.NewReader(payload))
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req) // expect: fixed-schema, offline-loop
		if err != nil {
			log.Fatal(err)
		}
		var answer struct {
			Choices []struct {
				Message struct{ Content string }
			}
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err := json.Unmarshal(body, &answer); err != nil {
			log.Fatal(err)
		}
		os.Stdout.WriteString(answer.Choices[0].Message.Content + "\n")
	}
}
