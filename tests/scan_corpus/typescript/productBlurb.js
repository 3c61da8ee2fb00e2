import OpenAI from "openai";

export class BlurbWriter {
  static MODEL = "gpt-4o";
  static MAX_TOKENS = 50;

  constructor(client = new OpenAI()) {
    this.client = client;
  }

  async write(product) {
    const completion = await this.client.chat.completions.create({ // expect: narrow-prompt
      model: BlurbWriter.MODEL,
      max_tokens: BlurbWriter.MAX_TOKENS,
      messages: [
        {
          role: "user",
          content: `Describe this article in one short sentence for the till display: ${product.name}, ${product.material}`,
        },
      ],
    });
    return completion.choices[0].message.content;
  }
}
