import OpenAI, { APIError } from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";

export function makeClient(timeout: number): OpenAI {
  return new OpenAI({ timeout, maxRetries: 2 });
}

export function toMessages(question: string): ChatCompletionMessageParam[] {
  return [
    { role: "system", content: "Answer yes or no." },
    { role: "user", content: question },
  ];
}

export function isRetryable(error: unknown): boolean {
  return error instanceof APIError && (error.status === 429 || (error.status ?? 0) >= 500);
}
