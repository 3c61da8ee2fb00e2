import { Router } from "express";
import OpenAI from "openai";
import { tickets } from "../db/tickets";

const openai = new OpenAI({ apiKey: process.env.OPENAI_API_KEY });
export const router = Router();

const QUEUES = ["accounts", "deliveries", "complaints", "press"] as const;
type Queue = (typeof QUEUES)[number];

async function pickQueue(subject: string, body: string): Promise<Queue> {
  const completion = await openai.chat.completions.create({ // expect: closed-answer
    model: "gpt-4o",
    temperature: 0,
    messages: [
      {
        role: "system",
        content: `Assign the e-mail to a queue. Allowed answers: ${QUEUES.join(", ")}.`,
      },
      { role: "user", content: `${subject}\n\n${body}` },
    ],
  });
  const answer = completion.choices[0].message.content?.trim() as Queue;
  return QUEUES.includes(answer) ? answer : "accounts";
}

router.post("/inbound", async (req, res, next) => {
  try {
    const queue = await pickQueue(req.body.subject, req.body.text);
    await tickets.insert({ ...req.body, queue });
    res.status(202).json({ queue });
  } catch (err) {
    next(err);
  }
});
