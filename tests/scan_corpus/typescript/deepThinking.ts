import OpenAI from "openai";
import type { NextApiRequest, NextApiResponse } from "next";

const openai = new OpenAI();

const COACH = `You prepare founders for talks with investors. From the description of their company
write the ten hardest questions that an investor may ask, each with a thorough answer.`;

export default async function handler(req: NextApiRequest, res: NextApiResponse) {
  if (req.method !== "POST") return res.status(405).end();
  const response = await openai.responses.create({
    model: "o3",
    reasoning: { effort: "high" },
    instructions: COACH,
    input: req.body.description,
  });
  if (response.status === "incomplete" || response.status === "failed") {
    return res.status(502).json({ error: response.status });
  }
  return res.status(200).json({ text: response.output_text });
}
