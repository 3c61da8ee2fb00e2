import { generateText } from "ai";
import { anthropic } from "@ai-sdk/anthropic";
import { settings } from "./settings";

export async function tone(text: string): Promise<string> {
  const prompts = await settings.get("prompts");
  const { text: answer } = await generateText({
    model: anthropic("claude-sonnet-4-20250514"),
    system: prompts.tone,
    prompt: text,
    maxOutputTokens: settings.maxTokens,
  });
  return answer;
}
