import { Ollama } from "ollama";

const ollama = new Ollama({ host: "http://127.0.0.1:11434" });
const TAGS = ["bug", "feature", "question"];

export async function tagIssue(title: string): Promise<string | undefined> {
  const response = await ollama.chat({
    model: "mistral-nemo",
    messages: [
      { role: "system", content: `Tag the issue. One word of: ${TAGS.join(", ")}` },
      { role: "user", content: title },
    ],
    options: { temperature: 0, num_predict: 4 },
  });
  return TAGS.find((tag) => response.message.content.startsWith(tag));
}
