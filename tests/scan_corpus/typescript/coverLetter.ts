import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const openai = createOpenAI({ apiKey: process.env.OPENAI_KEY });

export interface Application {
  posting: string;
  resume: string;
  tone?: "formal" | "warm";
}

export async function coverLetter({ posting, resume, tone = "formal" }: Application) {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const { text } = await generateText({
        model: openai("gpt-4o"),
        system: "Write a cover letter of one page for the applicant.",
        prompt: `Tone: ${tone}\n\nPosting:\n${posting}\n\nResume:\n${resume}`,
      });
      return text;
    } catch (error) {
      console.warn("attempt failed", attempt, error);
    }
  }
  throw new Error("the letter could not be written");
}
