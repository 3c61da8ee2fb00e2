import OpenAI from "openai";
import express from "express";

const app = express();
const openai = new OpenAI();
app.use(express.urlencoded({ extended: false }));

app.post("/poem", async (req, res) => {
  const completion = await openai.chat.completions.create({
    model: "gpt-4.5-preview",
    temperature: 1.1,
    presence_penalty: 0.6,
    messages: [
      { role: "system", content: "You are a poet with a dry sense of humour." },
      { role: "user", content: `Write a long poem about ${req.body.topic}.` },
    ],
  });
  res.type("text").send(completion.choices[0].message.content);
});

app.listen(3000);
