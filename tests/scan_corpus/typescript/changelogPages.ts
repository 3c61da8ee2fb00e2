/** Writes the release notes of all versions: npx tsx changelogPages.ts */
import { writeFileSync } from "node:fs";
import OpenAI from "openai";
import { listTags, logBetween } from "./git";

const openai = new OpenAI();

async function notes(commits: string): Promise<string> {
  const res = await openai.responses.create({ // expect: offline-loop
    model: "gpt-4.1",
    instructions:
      "Write release notes for users from the commits. Group them into Added, Changed and Fixed. Leave out what only concerns developers.",
    input: commits,
  });
  return res.output_text;
}

async function main() {
  const tags = listTags();
  for (let i = 1; i < tags.length; i++) {
    writeFileSync(`docs/releases/${tags[i]}.md`, await notes(logBetween(tags[i - 1], tags[i])));
  }
}

main();
