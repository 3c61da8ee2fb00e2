import { openai } from "@ai-sdk/openai";
import { embedMany } from "ai";
import { db } from "./db";

const BATCH = 100;

export async function embedPosts(): Promise<void> {
  const posts = await db.post.findMany({ where: { embedding: null } });
  for (let i = 0; i < posts.length; i += BATCH) {
    const slice = posts.slice(i, i + BATCH);
    const { embeddings } = await embedMany({
      model: openai.textEmbeddingModel("text-embedding-3-small"),
      values: slice.map((post) => `Title: ${post.title}\n${post.body}`),
    });
    await Promise.all(slice.map((post, k) => db.post.setEmbedding(post.id, embeddings[k])));
  }
}

embedPosts();
