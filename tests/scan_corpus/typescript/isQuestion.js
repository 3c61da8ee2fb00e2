const { OpenAI } = require("openai");

const client = new OpenAI();

/**
 * Tells whether a forum post asks something, so that the "solved" button is shown.
 */
async function isQuestion(post) {
  const response = await client.responses.create({ // expect: closed-answer
    model: "gpt-4.1",
    input: [
      { role: "developer", content: "Does the forum post ask a question? Reply with yes or no." },
      { role: "user", content: post.title + "\n" + post.text },
    ],
  });
  return response.output_text.trim().toLowerCase() === "yes";
}

module.exports = { isQuestion };
