import { SQSEvent } from "aws-lambda";
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
import { saveDigest } from "./digests";

const bedrock = new BedrockRuntimeClient({});

const INSTRUCTION =
  "Summarise the inspection report for the building's owner: what was inspected, every defect " +
  "with its place and severity, and what has to be repaired by when. Use headings.";

export const handler = async (event: SQSEvent): Promise<void> => {
  for (const record of event.Records) {
    const report = JSON.parse(record.body) as { id: string; text: string };
    const answer = await bedrock.send( // expect: offline-loop
      new ConverseCommand({
        modelId: "anthropic.claude-3-5-sonnet-20240620-v1:0",
        system: [{ text: INSTRUCTION }],
        messages: [{ role: "user", content: [{ text: report.text }] }],
      }),
    );
    await saveDigest(report.id, answer.output?.message?.content?.[0].text ?? "");
  }
};
