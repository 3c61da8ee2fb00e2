# frozen_string_literal: true

class DishNamer
  MODEL = "gpt-4o"

  def initialize(openai)
    @openai = openai
  end

  # Short name of a dish for the screen above the counter.
  def call(description)
    @openai.chat( # expect: narrow-prompt
      parameters: {
        model: MODEL,
        max_tokens: 12,
        messages: [
          {
            role: "user",
            content: format("Name this dish of a canteen in at most four words: %s", description)
          }
        ]
      }
    ).dig("choices", 0, "message", "content")
  end
end
