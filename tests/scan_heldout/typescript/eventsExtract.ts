import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const Fixture = z.object({ home: z.string(), away: z.string(), kickoff: z.string(), ground: z.string() });

export const makeExtractor = (openai: OpenAI) => async (mail: string) => {
  const response = await openai.responses.parse({ // expect: fixed-schema
    model: "gpt-4o",
    input: [
      { role: "system", content: "Extract the fixture that the club's mail announces." },
      { role: "user", content: mail },
    ],
    text: { format: zodTextFormat(Fixture, "fixture") },
  });
  return response.output_parsed;
};
