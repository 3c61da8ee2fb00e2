import { ChatOpenAI } from "@langchain/openai";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { z } from "zod";

const Booking = z.object({
  reference: z.string().describe("Booking reference of six characters"),
  flights: z.array(z.object({ number: z.string(), from: z.string(), to: z.string(), departs: z.string() })),
});

const model = new ChatOpenAI({ model: "gpt-4.1-mini", temperature: 0 }).withStructuredOutput(Booking);

const prompt = ChatPromptTemplate.fromMessages([
  ["system", "Extract the flight booking from the confirmation mail."],
  ["human", "{mail}"],
]);

export async function readBooking(mail: string): Promise<z.infer<typeof Booking>> {
  const chain = prompt.pipe(model);
  return chain.invoke({ mail }); // expect: fixed-schema
}
