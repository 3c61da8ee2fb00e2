export const STOCK_PROMPT = `You check what customers write to a garden centre.
Does the customer ask whether something is in stock? Answer "yes" or "no".`;

export const letterPrompt = (name: string) => `Write a warm, detailed letter to ${name}.`;
