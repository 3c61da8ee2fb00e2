import { GoogleGenAI } from "@google/genai";

const ai = new GoogleGenAI({});
const model = "gemini-2.5-pro";

/** Shown to teachers who have not made a quiz of their own yet. */
export async function exampleQuestions() {
  const result = await ai.models.generateContent({
    model,
    contents: "Write five multiple-choice questions on the rivers of Europe for pupils of grade six.",
  });
  return result.text
    .split(/\n\s*\n/)
    .map((block) => block.trim())
    .filter(Boolean);
}
