require "anthropic"

class EulogyWriter
  SYSTEM = <<~TEXT
    You help people to write a eulogy. Write a warm text of about two pages from what they tell
    about the deceased. Keep to the facts, and do not make up anecdotes.
  TEXT

  def initialize(anthropic = Anthropic::Client.new(api_key: ENV["ANTHROPIC_API_KEY"]))
    @anthropic = anthropic
  end

  def write(name:, memories:)
    message = @anthropic.messages.create(
      model: :"claude-opus-4-1",
      max_tokens: 3000,
      system_: SYSTEM,
      messages: [{ role: "user", content: "#{name}\n\n#{memories.join("\n")}" }]
    )
    message.content.map(&:text).join
  end
end
