"use client";

import { useChat } from "@ai-sdk/react";
import { useState } from "react";

export function ChatBox() {
  const { messages, sendMessage, status } = useChat();
  const [input, setInput] = useState("");

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (input === "yes" || input === "no") setInput("");
        sendMessage({ text: input });
      }}
    >
      {messages.map((message) => (
        <p key={message.id} data-role={message.role}>
          {message.parts.map((part) => (part.type === "text" ? part.text : null))}
        </p>
      ))}
      <input value={input} disabled={status !== "ready"} onChange={(e) => setInput(e.target.value)} />
    </form>
  );
}
