import Anthropic from "@anthropic-ai/sdk";
import { encodingForModel } from "js-tiktoken";

const anthropic = new Anthropic();
const encoder = encodingForModel("gpt-4o");

export async function countAll(documents) {
  const counts = [];
  for (const document of documents) {
    const { input_tokens: claude } = await anthropic.messages.countTokens({
      model: "claude-sonnet-4-20250514",
      system: "Answer yes or no.",
      messages: [{ role: "user", content: document }],
    });
    counts.push({ claude, openai: encoder.encode(document).length });
  }
  return counts;
}

export async function knownModels() {
  const page = await anthropic.models.list({ limit: 20 });
  return page.data.map((model) => model.id).filter((id) => id === "claude-sonnet-4-20250514");
}
