import { openai } from "@ai-sdk/openai";
import { generateObject } from "ai";
import cron from "node-cron";
import { z } from "zod";
import { adsSince, saveFeatures } from "./ads";

const features = z.object({
  rooms: z.number(),
  squareMetres: z.number().optional(),
  pets: z.enum(["allowed", "on request", "forbidden"]).optional(),
  contact: z.string(),
});

cron.schedule("*/30 * * * *", async () => {
  const ads = await adsSince(Date.now() - 30 * 60 * 1000);
  for (const ad of ads) {
    const result = await generateObject({ // expect: fixed-schema, offline-loop
      model: openai("gpt-4o"),
      schema: features,
      system: "Extract the features of the flat from the advertisement.",
      prompt: ad.text,
    });
    await saveFeatures(ad.id, result.object);
  }
});
