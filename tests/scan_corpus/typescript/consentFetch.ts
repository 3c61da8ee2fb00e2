import { Hono } from "hono";

type Bindings = { OPENAI_API_KEY: string };

const app = new Hono<{ Bindings: Bindings }>();

const actions: Record<string, string> = {
  accept: "/consent/accepted",
  decline: "/consent/declined",
  unclear: "/consent/ask-again",
};

app.post("/sms", async (c) => {
  const form = await c.req.formData();
  const res = await fetch("https://api.openai.com/v1/chat/completions", { // expect: closed-answer
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Bearer ${c.env.OPENAI_API_KEY}`,
    },
    body: JSON.stringify({
      model: "gpt-4o",
      max_tokens: 2,
      messages: [
        {
          role: "system",
          content:
            "A patient answers a reminder by text message. Does the patient accept or decline " +
            "the appointment? Answer accept, decline or unclear.",
        },
        { role: "user", content: String(form.get("Body")) },
      ],
    }),
  });
  const data: any = await res.json();
  const answer: string = data.choices[0].message.content;
  return c.redirect(actions[answer] ?? actions.unclear);
});

export default app;
