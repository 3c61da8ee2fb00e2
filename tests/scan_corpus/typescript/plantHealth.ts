import { GoogleGenAI, Type } from "@google/genai";

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });

export enum Health {
  Healthy = "healthy",
  Thirsty = "thirsty",
  Diseased = "diseased",
  Pest = "pest",
}

export async function plantHealth(description: string): Promise<Health> {
  const response = await ai.models.generateContent({ // expect: closed-answer
    model: "gemini-1.5-pro",
    contents: `A gardener describes a plant: "${description}". What is its state?`,
    config: {
      responseMimeType: "text/x.enum",
      responseSchema: {
        type: Type.STRING,
        enum: ["healthy", "thirsty", "diseased", "pest"],
      },
    },
  });
  return response.text as Health;
}
