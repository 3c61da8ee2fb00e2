import Anthropic from "@anthropic-ai/sdk";
import type { Request, Response } from "express";

const client = new Anthropic();

const PROMPT = `Summarise in plain language what the General Data Protection Regulation says
about the right of access. Write for people without legal knowledge, in at most 150 words.`;

export async function rightOfAccess(_req: Request, res: Response) {
  const message = await client.messages.create({
    model: "claude-3-7-sonnet-latest",
    max_tokens: 500,
    messages: [{ role: "user", content: PROMPT }],
  });
  const [block] = message.content;
  res.render("notice", { text: block.type === "text" ? block.text : "" });
}
