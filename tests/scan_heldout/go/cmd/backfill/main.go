package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/anthropics/anthropic-sdk-go"
	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", "")
	if err != nil {
		log.Fatal(err)
	}
	client := anthropic.NewClient()
	rows, err := db.Query("select id, body from article where teaser is null")
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		var body string
		if err := rows.Scan(&id, &body); err != nil {
			log.Fatal(err)
		}
		if _, err := db.Exec("update article set teaser = $1 where id = $2", teaser(&client, body), id); err != nil {
			log.Fatal(err)
		}
	}
}

func teaser(client *anthropic.Client, body string) string {
	msg, err := client.Messages.New(context.TODO(), anthropic.MessageNewParams{ // expect: narrow-prompt, offline-loop
		Model:     anthropic.ModelClaude3_7SonnetLatest,
		MaxTokens: 60,
		Messages: []anthropic.MessageParam{
			anthropic.NewUserMessage(anthropic.NewTextBlock(fmt.Sprintf("Write a teaser of one sentence:\n%s", body))),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	return msg.Content[0].Text
}
