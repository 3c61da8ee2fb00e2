require "json"
require "net/http"

# Reads the postal votes of a housing association, as typed by the office.
class VoteReader
  URL = URI("https://api.openai.com/v1/chat/completions")
  RESULTS = { "for" => 1, "against" => -1, "abstain" => 0 }.freeze

  def initialize(key = ENV["OPENAI_API_KEY"])
    @key = key
  end

  def read(text)
    request = Net::HTTP::Post.new(URL, "Content-Type" => "application/json", "Authorization" => "Bearer #{@key}")
    request.body = JSON.generate(
      model: "gpt-4.1",
      max_tokens: 2,
      messages: [
        { role: "system", content: "How did the member vote? for, against or abstain" },
        { role: "user", content: text }
      ]
    )
    response = Net::HTTP.start(URL.host, URL.port, use_ssl: true) do |http|
      http.request(request) # expect: closed-answer
    end
    RESULTS.fetch(JSON.parse(response.body).dig("choices", 0, "message", "content").downcase)
  end
end
