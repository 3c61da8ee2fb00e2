import OpenAI from "openai";
import { Request, Response } from "express";
import { tools, dispatch } from "./tools";

const openai = new OpenAI();

export async function assistant(req: Request, res: Response) {
  let input = req.body.items;
  for (let round = 0; round < 6; round++) {
    const response = await openai.responses.create({
      model: "gpt-4.1",
      instructions: "You administer the accounts of a club. Use the tools.",
      tools,
      input,
    });
    const calls = response.output.filter((item) => item.type === "function_call");
    if (calls.length === 0) return res.json({ text: response.output_text });
    input = [...input, ...response.output, ...(await Promise.all(calls.map(dispatch)))];
  }
  res.status(500).json({ error: "too many rounds" });
}
