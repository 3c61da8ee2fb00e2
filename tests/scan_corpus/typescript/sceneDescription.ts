import OpenAI from "openai";

const openai = new OpenAI();

export async function describeScene(imageUrl: string): Promise<string> {
  const response = await openai.chat.completions.create({
    model: "gpt-4o",
    max_tokens: 900,
    messages: [
      {
        role: "user",
        content: [
          {
            type: "text",
            text: "Describe this photograph in detail for a blind listener: people, place, light, mood.",
          },
          { type: "image_url", image_url: { url: imageUrl, detail: "high" } },
        ],
      },
    ],
  });
  return response.choices[0].message.content ?? "";
}
