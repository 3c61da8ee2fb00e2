import OpenAI from "openai";
import { letterPrompt, STOCK_PROMPT } from "./prompts";

const openai = new OpenAI();

export async function asksForStock(text: string): Promise<boolean> {
  const completion = await openai.chat.completions.create({ // expect: closed-answer
    model: "gpt-4.1",
    messages: [
      { role: "system", content: STOCK_PROMPT },
      { role: "user", content: text },
    ],
  });
  return completion.choices[0].message.content?.trim().toLowerCase() === "yes";
}

export async function letter(name: string, order: string): Promise<string> {
  const completion = await openai.chat.completions.create({
    model: "gpt-4.1",
    messages: [
      { role: "system", content: letterPrompt(name) },
      { role: "user", content: order },
    ],
  });
  return completion.choices[0].message.content ?? "";
}
