import { CohereClientV2 } from "cohere-ai";
import type { FastifyInstance } from "fastify";

const cohere = new CohereClientV2({ token: process.env.COHERE_API_KEY });

export default async function routes(app: FastifyInstance) {
  app.get("/voucher/terms", async () => {
    const answer = await cohere.chat({
      model: "command-a-03-2025",
      messages: [
        {
          role: "user",
          content: "Explain in simple words what happens to a gift voucher when a shop closes down.",
        },
      ],
    });
    return { text: answer.message?.content?.[0] };
  });

  app.post("/voucher/letter", async (request) => {
    const { story } = request.body as { story: string };
    const answer = await cohere.chat({
      model: "command-a-03-2025",
      messages: [{ role: "user", content: `Write a letter of complaint to the shop. ${story}` }],
    });
    return { text: answer.message?.content?.[0] };
  });
}
