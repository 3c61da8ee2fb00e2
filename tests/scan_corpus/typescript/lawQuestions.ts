import Anthropic from "@anthropic-ai/sdk";
import { retrieve } from "./retrieval";

const client = new Anthropic();

export async function answerQuestion(question: string): Promise<string> {
  const passages = await retrieve(question, { limit: 8 });
  const context = passages.map((p, i) => `[${i + 1}] ${p.title}\n${p.text}`).join("\n\n");
  const message = await client.messages.create({
    model: "claude-sonnet-4-20250514",
    max_tokens: 2000,
    system:
      "Answer questions about tenancy law from the passages. Cite them by number. Say so when they do not answer the question.",
    messages: [{ role: "user", content: `Passages:\n${context}\n\nQuestion: ${question}` }],
  });
  return message.content.flatMap((b) => (b.type === "text" ? [b.text] : [])).join("");
}
