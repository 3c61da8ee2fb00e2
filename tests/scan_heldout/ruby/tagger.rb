# frozen_string_literal: true

class Tagger
  TAGS = { "bug" => "red", "feature" => "green", "docs" => "blue" }.freeze

  def initialize(client)
    @client = client
  end

  def colour(issue)
    response = @client.chat( # expect: closed-answer
      parameters: {
        model: "gpt-4o",
        max_tokens: 1,
        messages: [{ role: "user", content: "Tag this issue as bug, feature or docs: #{issue.title}" }]
      }
    )
    TAGS[response.dig("choices", 0, "message", "content")]
  end
end

Tagger.new(OpenAI::Client.new)
