import Anthropic from "@anthropic-ai/sdk";
import type { NextRequest } from "next/server";

type Reason = "too_small" | "too_large" | "damaged" | "not_as_shown" | "other";
const reasons: Reason[] = ["too_small", "too_large", "damaged", "not_as_shown", "other"];

const client = new Anthropic();
const system = `Pick the reason for a return from what the customer writes.\nPossible reasons: ${reasons.join(" | ")}\nAnswer with the reason.`;

export async function POST(req: NextRequest) {
  const { note } = await req.json();
  const msg = await client.messages.create({ // expect: closed-answer
    model: "claude-3-5-sonnet-latest",
    max_tokens: 10,
    system,
    messages: [{ role: "user", content: note }],
  });
  const text = msg.content[0].type === "text" ? msg.content[0].text : "other";
  return Response.json({ reason: reasons.find((r) => r === text) ?? "other" });
}
