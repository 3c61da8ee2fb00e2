require "openai"

# Asks the Ollama server of the office.
class LocalSpam
  def initialize
    @client = OpenAI::Client.new(access_token: "none", uri_base: "http://localhost:11434")
  end

  def spam?(text)
    response = @client.chat(
      parameters: {
        model: "llama3.2:3b",
        temperature: 0,
        messages: [{ role: "user", content: "Is this spam? Answer yes or no.\n#{text}" }]
      }
    )
    response.dig("choices", 0, "message", "content").downcase.start_with?("yes")
  end
end
