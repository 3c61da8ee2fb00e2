import OpenAI from "openai";
import { MANUAL_PROMPT } from "@workshop/prompts";

const openai = new OpenAI();

export interface Section {
  heading: string;
  lines: string[];
}

/** Writes a repair manual; the prompt is kept in another package. */
export async function manual(device: string, fault: string): Promise<Section[]> {
  const completion = await openai.chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content: MANUAL_PROMPT(device, fault) }],
  });
  const sections: Section[] = [];
  for (const line of (completion.choices[0].message.content ?? "").split("\n")) {
    if (line.startsWith("# ") || line.startsWith("## ")) {
      sections.push({ heading: line.replace(/^#+ /, ""), lines: [] });
    } else if (line === "---" || line === "") {
      continue;
    } else {
      sections.at(-1)?.lines.push(line);
    }
  }
  return sections;
}
