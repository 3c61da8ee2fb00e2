import OpenAI from "openai";

const openai = new OpenAI();

async function suggestions(): Promise<string[]> {
  const completion = await openai.chat.completions.create({
    model: "gpt-4o",
    messages: [
      {
        role: "system",
        content: "You write texts for a note-taking app.",
      },
      {
        role: "user",
        content: "List four ideas for a first note, one a line, at most six words each.",
      },
    ],
  });
  return (completion.choices[0].message.content ?? "").split("\n");
}

export default async function EmptyState() {
  const ideas = await suggestions();
  return (
    <section className="empty">
      <h2>Nothing here yet</h2>
      <ul>
        {ideas.map((idea) => (
          <li key={idea}>{idea}</li>
        ))}
      </ul>
    </section>
  );
}
