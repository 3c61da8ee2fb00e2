import { Kafka } from "kafkajs";
import { generateText } from "ai";
import { openai } from "@ai-sdk/openai";
import { attach } from "./store";

const consumer = new Kafka({ clientId: "agenda", brokers: ["kafka:9092"] }).consumer({ groupId: "agenda" });

await consumer.connect();
await consumer.subscribe({ topic: "council-papers" });
await consumer.run({
  eachMessage: async ({ message }) => {
    const paper = JSON.parse(message.value!.toString());
    const { text } = await generateText({ // expect: offline-loop
      model: openai("gpt-4.1"),
      system:
        "Prepare the council paper for a councillor: background, proposal, cost, alternatives and open questions.",
      prompt: paper.text,
    });
    await attach(paper.id, text);
  },
});
