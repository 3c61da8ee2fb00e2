const { Server } = require("socket.io");
const OpenAI = require("openai");

const openai = new OpenAI();

function attach(httpServer) {
  const io = new Server(httpServer);
  io.on("connection", (socket) => {
    const history = [{ role: "system", content: "You are a patient maths tutor." }];
    socket.on("say", async (text) => {
      history.push({ role: "user", content: text });
      const stream = await openai.chat.completions.create({
        model: "gpt-4o",
        messages: history,
        stream: true,
      });
      let answer = "";
      for await (const chunk of stream) {
        const piece = chunk.choices[0]?.delta?.content ?? "";
        answer += piece;
        socket.emit("piece", piece);
      }
      history.push({ role: "assistant", content: answer });
    });
  });
}

module.exports = attach;
