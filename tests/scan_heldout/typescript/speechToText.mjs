import { readFile } from "node:fs/promises";
import OpenAI, { toFile } from "openai";

const openai = new OpenAI();

for (const path of process.argv.slice(2)) {
  const file = await toFile(await readFile(path), path);
  const { text } = await openai.audio.transcriptions.create({ model: "gpt-4o-transcribe", file });
  const check = await openai.moderations.create({ model: "omni-moderation-latest", input: text });
  console.log(path, check.results[0].flagged ? "flagged" : "ok", text);
}
