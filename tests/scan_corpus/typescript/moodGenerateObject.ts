import { anthropic } from "@ai-sdk/anthropic";
import { generateObject } from "ai";
import { z } from "zod";

const moodSchema = z.object({
  mood: z.enum(["calm", "anxious", "angry", "sad", "joyful"]),
  urgent: z.boolean(),
});

export type Mood = z.infer<typeof moodSchema>;

/** Reads the mood of a diary entry for the weekly overview. */
export async function moodOf(entry: string): Promise<Mood> {
  const { object } = await generateObject({ // expect: closed-answer
    model: anthropic("claude-3-5-sonnet-latest"),
    schema: moodSchema,
    prompt: `Which mood does this diary entry express?\n\n${entry}`,
  });
  return object;
}
