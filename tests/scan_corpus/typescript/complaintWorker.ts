import Anthropic from "@anthropic-ai/sdk";
import { Worker, type Job } from "bullmq";
import { connection } from "./redis";
import { escalate, archive, reply } from "./actions";

const anthropic = new Anthropic();

interface ComplaintJob {
  id: string;
  text: string;
}

new Worker<ComplaintJob>(
  "complaints",
  async (job: Job<ComplaintJob>) => {
    const msg = await anthropic.messages.create({ // expect: closed-answer, offline-loop
      model: "claude-opus-4-20250514",
      max_tokens: 8,
      system: "Decide what happens with a complaint. Reply with ESCALATE, REPLY or ARCHIVE only.",
      messages: [{ role: "user", content: job.data.text }],
    });
    const block = msg.content[0];
    const verdict = block.type === "text" ? block.text.trim() : "";
    switch (verdict) {
      case "ESCALATE":
        return escalate(job.data.id);
      case "ARCHIVE":
        return archive(job.data.id);
      default:
        return reply(job.data.id);
    }
  },
  { connection, concurrency: 4 },
);
