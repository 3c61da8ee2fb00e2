import OpenAI from "openai";
import { describe, expect, it } from "vitest";

const openai = new OpenAI();

describe.runIf(process.env.LIVE)("routing prompt", () => {
  it.each([
    ["Where is my order?", "shipping"],
    ["You billed me twice", "billing"],
  ])("routes %s", async (text, queue) => {
    const completion = await openai.chat.completions.create({
      model: "gpt-4o",
      max_tokens: 2,
      messages: [
        { role: "system", content: "Answer billing, shipping or other." },
        { role: "user", content: text },
      ],
    });
    expect(completion.choices[0].message.content).toBe(queue);
  });
});
