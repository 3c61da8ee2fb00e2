import { openai } from "@ai-sdk/openai";
import { generateText, type UIMessage } from "ai";

/** Title of a chat for the sidebar, from its first message. */
export async function titleFromFirstMessage({ message }: { message: UIMessage }) {
  const { text: title } = await generateText({ // expect: narrow-prompt
    model: openai("gpt-4o"),
    maxOutputTokens: 20,
    system: `
    - generate a short title from the first message a person begins a conversation with
    - at most 80 characters
    - do not use quotes or colons`,
    prompt: JSON.stringify(message),
  });
  return title;
}
