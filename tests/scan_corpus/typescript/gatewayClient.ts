import OpenAI from "openai";

export interface CallOptions {
  system?: string;
  model: string;
  temperature?: number;
  maxTokens?: number;
}

export class ModelGateway {
  constructor(private readonly client: OpenAI) {}

  async complete(prompt: string, options: CallOptions): Promise<string> {
    const messages: OpenAI.ChatCompletionMessageParam[] = [];
    if (options.system) messages.push({ role: "system", content: options.system });
    messages.push({ role: "user", content: prompt });
    const completion = await this.client.chat.completions.create({
      model: options.model,
      temperature: options.temperature,
      max_tokens: options.maxTokens,
      messages,
    });
    return completion.choices[0]?.message.content ?? "";
  }
}
