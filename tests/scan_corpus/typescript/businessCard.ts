import Anthropic from "@anthropic-ai/sdk";
import { Injectable } from "@nestjs/common";

const contactTool: Anthropic.Tool = {
  name: "save_contact",
  description: "Save the contact that the business card names",
  input_schema: {
    type: "object",
    properties: {
      name: { type: "string" },
      company: { type: "string" },
      phone: { type: "string" },
      email: { type: "string" },
    },
    required: ["name"],
  },
};

@Injectable()
export class BusinessCardService {
  constructor(private readonly anthropic: Anthropic) {}

  async read(ocr: string) {
    const message = await this.anthropic.messages.create({ // expect: fixed-schema
      model: "claude-sonnet-4-5",
      max_tokens: 512,
      tools: [contactTool],
      tool_choice: { type: "tool", name: contactTool.name },
      messages: [
        { role: "user", content: `Read the contact off this business card:\n\n${ocr}` },
      ],
    });
    const use = message.content.find((block) => block.type === "tool_use");
    return use?.input;
  }
}
