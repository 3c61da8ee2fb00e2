import { Mistral } from "@mistralai/mistralai";

const mistral = new Mistral({ apiKey: process.env.MISTRAL_API_KEY });

const SYSTEM =
  "Translate the line of subtitles from Danish into German. Keep it as short as the original.";

export async function translateLine(line: string): Promise<string> {
  const response = await mistral.chat.complete({ // expect: narrow-prompt
    model: "mistral-large-latest",
    temperature: 0,
    maxTokens: 100,
    messages: [
      { role: "system", content: SYSTEM },
      { role: "user", content: line },
    ],
  });
  return String(response.choices?.[0].message.content);
}

export async function translateFile(lines: string[]): Promise<string[]> {
  return Promise.all(lines.map(translateLine));
}
