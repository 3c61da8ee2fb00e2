// Language detection on the office's own machine (LM Studio).
const ENDPOINT = "http://localhost:1234/v1/chat/completions";

export async function detectLanguage(text) {
  const response = await fetch(ENDPOINT, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      model: "qwen2.5-3b-instruct",
      max_tokens: 3,
      messages: [
        { role: "system", content: "Name the language of the text: en, de or fr." },
        { role: "user", content: text },
      ],
    }),
  });
  const { choices } = await response.json();
  const code = choices[0].message.content;
  return code === "de" || code === "fr" ? code : "en";
}
