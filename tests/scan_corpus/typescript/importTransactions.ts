#!/usr/bin/env node
import { readFile, writeFile } from "node:fs/promises";
import { Command } from "commander";
import OpenAI from "openai";

const CATEGORIES = {
  groceries: "4000",
  rent: "4100",
  transport: "4200",
  leisure: "4300",
  unknown: "9999",
} as const;

const SYSTEM = [
  "You categorise bank transactions of a household.",
  "Respond with one of: groceries, rent, transport, leisure, unknown.",
].join("\n");

const openai = new OpenAI();

new Command()
  .argument("<file>", "JSON export of the bank")
  .option("-o, --out <file>", "where the result goes", "categorised.json")
  .action(async (file: string, options: { out: string }) => {
    const rows = JSON.parse(await readFile(file, "utf8"));
    for (const row of rows) {
      const completion = await openai.chat.completions.create({ // expect: closed-answer, offline-loop
        model: "gpt-4-turbo",
        messages: [
          { role: "system", content: SYSTEM },
          { role: "user", content: `${row.payee} ${row.purpose} ${row.amount}` },
        ],
      });
      const label = completion.choices[0].message.content as keyof typeof CATEGORIES;
      row.account = CATEGORIES[label] ?? CATEGORIES.unknown;
    }
    await writeFile(options.out, JSON.stringify(rows, null, 2));
  })
  .parseAsync();
