import { NextResponse } from "next/server";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI();

const Ingredients = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      quantity: z.number().nullable(),
      unit: z.string().nullable(),
    }),
  ),
});

export async function POST(request: Request) {
  const { text } = await request.json();
  const completion = await client.chat.completions.parse({ // expect: fixed-schema
    model: "gpt-4o-2024-11-20",
    messages: [
      { role: "system", content: "Extract the shopping list from the user's note." },
      { role: "user", content: text },
    ],
    response_format: zodResponseFormat(Ingredients, "ingredients"),
  });
  return NextResponse.json(completion.choices[0].message.parsed);
}
