package waybill

import (
	"context"
	"encoding/json"

	"google.golang.org/genai"
)

// Waybill is what the haulier's scan says.
type Waybill struct {
	Number    string  `json:"number"`
	Consignee string  `json:"consignee"`
	Weight    float64 `json:"weight"`
}

var schema = &genai.Schema{
	Type: genai.TypeObject,
	Properties: map[string]*genai.Schema{
		"number":    {Type: genai.TypeString},
		"consignee": {Type: genai.TypeString},
		"weight":    {Type: genai.TypeNumber},
	},
	Required: []string{"number", "consignee"},
}

// Read extracts a waybill from recognised text.
func Read(ctx context.Context, client *genai.Client, text string) (*Waybill, error) {
	prompt := "Extract the waybill's number, consignee and weight in kilograms from the text:\n" + text
	result, err := client.Models.GenerateContent(ctx, "gemini-2.5-pro", genai.Text(prompt), &genai.GenerateContentConfig{ // expect: fixed-schema
		ResponseMIMEType: "application/json",
		ResponseSchema:   schema,
	})
	if err != nil {
		return nil, err
	}
	var waybill Waybill
	if err := json.Unmarshal([]byte(result.Text()), &waybill); err != nil {
		return nil, err
	}
	return &waybill, nil
}
