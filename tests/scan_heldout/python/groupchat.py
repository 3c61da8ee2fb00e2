from openai import OpenAI


class Moderator:
    """Keeps a discussion of several people going."""

    def __init__(self, topic: str) -> None:
        self.client = OpenAI()
        self.log = [{"role": "system", "content": f"You moderate a discussion about {topic}."}]

    def hear(self, person: str, text: str) -> None:
        self.log.append({"role": "user", "name": person, "content": text})

    def speak(self) -> str:
        answer = self.client.chat.completions.create(model="gpt-4o", messages=self.log)
        text = answer.choices[0].message.content
        self.log.append({"role": "assistant", "content": text})
        return text
