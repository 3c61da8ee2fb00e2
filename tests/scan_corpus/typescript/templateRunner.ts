import OpenAI from "openai";
import { prisma } from "./prisma";

const openai = new OpenAI();

/** Runs a template that a customer has written in the editor. */
export async function runTemplate(templateId: string, inputs: Record<string, string>) {
  const template = await prisma.template.findUniqueOrThrow({ where: { id: templateId } });
  const content = template.text.replace(/\{(\w+)\}/g, (_, key) => inputs[key] ?? "");
  const completion = await openai.chat.completions.create({
    model: template.model,
    messages: [{ role: "user", content }],
    max_tokens: template.maxTokens,
  });
  await prisma.run.create({ data: { templateId, output: completion.choices[0].message.content } });
  return completion.choices[0].message.content;
}
