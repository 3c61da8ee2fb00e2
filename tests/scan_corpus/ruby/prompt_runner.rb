# frozen_string_literal: true

# Runs prompts that the marketing team keeps in the admin area.
class PromptRunner
  def initialize(client: OpenAI::Client.new)
    @client = client
  end

  def run(slug, **variables)
    prompt = Prompt.published.find_by!(slug: slug)
    response = @client.chat(
      parameters: {
        model: prompt.model,
        max_tokens: prompt.max_tokens,
        messages: [
          { role: "system", content: prompt.system },
          { role: "user", content: format(prompt.body, **variables) }
        ]
      }
    )
    response.dig("choices", 0, "message", "content")
  end
end
