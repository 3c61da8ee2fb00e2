import { anthropic } from "@ai-sdk/anthropic";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";
import { fetchPage, searchWeb, storeNote } from "./web";

export async function research(question: string): Promise<string> {
  const { text } = await generateText({
    model: anthropic("claude-sonnet-4-20250514"),
    stopWhen: stepCountIs(12),
    tools: {
      search: tool({
        description: "Search the web",
        inputSchema: z.object({ query: z.string() }),
        execute: ({ query }) => searchWeb(query),
      }),
      open: tool({
        description: "Open a page",
        inputSchema: z.object({ url: z.string() }),
        execute: ({ url }) => fetchPage(url),
      }),
      note: tool({
        description: "Keep a note",
        inputSchema: z.object({ text: z.string(), kind: z.enum(["fact", "quote"]) }),
        execute: (note) => storeNote(note),
      }),
    },
    system: "Research the question on the web and write an answer with its sources.",
    prompt: question,
  });
  return text;
}
