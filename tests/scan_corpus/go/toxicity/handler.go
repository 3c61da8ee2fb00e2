package toxicity

import (
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/gin-gonic/gin"
)

var severity = map[string]int{"none": 0, "mild": 1, "strong": 2}

// Handler rates the tone of a post before it is shown.
func Handler(client *anthropic.Client) gin.HandlerFunc {
	return func(c *gin.Context) {
		var body struct {
			Text string `json:"text" binding:"required"`
		}
		if err := c.ShouldBindJSON(&body); err != nil {
			c.AbortWithStatusJSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		message, err := client.Messages.New(c, anthropic.MessageNewParams{ // expect: closed-answer
			Model:     anthropic.ModelClaudeSonnet4_20250514,
			MaxTokens: 4,
			System:    []anthropic.TextBlockParam{{Text: "How offensive is the post? Answer none, mild or strong."}},
			Messages: []anthropic.MessageParam{
				anthropic.NewUserMessage(anthropic.NewTextBlock(body.Text)),
			},
		})
		if err != nil {
			c.AbortWithStatus(http.StatusBadGateway)
			return
		}
		level, known := severity[message.Content[0].Text]
		if !known {
			level = severity["mild"]
		}
		c.JSON(http.StatusOK, gin.H{"level": level})
	}
}
