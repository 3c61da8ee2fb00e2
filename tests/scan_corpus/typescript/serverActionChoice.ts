"use server";

import { google } from "@ai-sdk/google";
import { generateObject } from "ai";
import { revalidatePath } from "next/cache";
import { saveNote } from "@/lib/notes";

export async function addNote(form: FormData) {
  const text = String(form.get("text"));
  const { object: shelf } = await generateObject({ // expect: closed-answer
    model: google("gemini-2.5-pro"),
    output: "enum",
    enum: ["idea", "task", "quote", "diary"],
    prompt: `Put this note on a shelf: ${text}`,
  });
  await saveNote({ text, shelf });
  revalidatePath("/notes");
}
