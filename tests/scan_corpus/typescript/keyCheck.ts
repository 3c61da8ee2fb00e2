import Anthropic from "@anthropic-ai/sdk";

/** Tells whether a key that a customer has typed in may use a model. */
export async function checkKey(apiKey: string, model: string): Promise<"ok" | "denied" | "unknown"> {
  const client = new Anthropic({ apiKey, maxRetries: 0 });
  try {
    await client.messages.create({
      model,
      max_tokens: 1,
      messages: [{ role: "user", content: "ping" }],
    });
    return "ok";
  } catch (error) {
    if (error instanceof Anthropic.APIError) {
      return error.status === 401 || error.status === 403 ? "denied" : "unknown";
    }
    throw error;
  }
}
