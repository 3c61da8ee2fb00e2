import { openai } from "@ai-sdk/openai";
import { generateObject, jsonSchema } from "ai";
import { loadForm } from "./forms";

/** Fills a form that a customer has designed in the form editor. */
export async function fillForm(formId: string, text: string): Promise<unknown> {
  const form = await loadForm(formId);
  const { object } = await generateObject({
    model: openai("gpt-4o"),
    schema: jsonSchema(form.schema),
    system: form.instruction,
    prompt: text,
  });
  return object;
}

export function isComplete(form: { required: string[] }, values: Record<string, unknown>): boolean {
  return form.required.every((name) => values[name] !== undefined && values[name] !== "unknown");
}
