import { createReadStream } from "node:fs";
import { Worker } from "bullmq";
import OpenAI from "openai";
import { episodes } from "./episodes";

const openai = new OpenAI();

export const worker = new Worker("episodes", async (job) => {
  const transcription = await openai.audio.transcriptions.create({
    file: createReadStream(job.data.path),
    model: "whisper-1",
    response_format: "text",
    language: "en",
  });
  const speech = await openai.audio.speech.create({
    model: "gpt-4o-mini-tts",
    voice: "alloy",
    input: `This was: ${job.data.title}`,
  });
  await episodes.finish(job.data.id, transcription, Buffer.from(await speech.arrayBuffer()));
});
