// Package briefs writes a brief for each vessel that calls at the port tomorrow.
package briefs

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/robfig/cron/v3"
)

const instruction = "Write a brief for the harbour pilot from the vessel's papers: dimensions, draught, " +
	"manoeuvring, cargo and its hazards, earlier incidents, and what to watch at the berth."

// Schedule writes the briefs at four in the morning.
func Schedule(c *cron.Cron, client *bedrockruntime.Client, store *Store) error {
	_, err := c.AddFunc("0 4 * * *", func() {
		ctx := context.Background()
		for _, vessel := range store.Expected(ctx) {
			out, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ // expect: offline-loop
				ModelId: aws.String("anthropic.claude-3-opus-20240229-v1:0"),
				System:  []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: instruction}},
				Messages: []types.Message{{
					Role:    types.ConversationRoleUser,
					Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: vessel.Papers}},
				}},
			})
			if err != nil {
				log.Printf("%s: %v", vessel.Name, err)
				continue
			}
			store.Save(ctx, vessel.ID, out)
		}
	})
	return err
}
