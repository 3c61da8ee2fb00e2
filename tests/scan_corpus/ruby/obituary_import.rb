#!/usr/bin/env ruby
# Reads obituaries of old newspapers into a table: obituary_import.rb FILE...

require "csv"
require "faraday"
require "json"

INSTRUCTION = <<~PROMPT
  Extract the facts of the obituary. Answer in JSON with the keys
  name, born, died, place and occupation.
PROMPT

conn = Faraday.new(url: "https://api.anthropic.com") do |f|
  f.request :json
  f.response :json
  f.headers["x-api-key"] = ENV.fetch("ANTHROPIC_API_KEY")
  f.headers["anthropic-version"] = "2023-06-01"
end

CSV.open("obituaries.csv", "w") do |csv|
  ARGV.each do |path|
    response = conn.post( # expect: fixed-schema, offline-loop
      "/v1/messages",
      {
        model: "claude-3-5-sonnet-20241022",
        max_tokens: 400,
        system: INSTRUCTION,
        messages: [{ role: "user", content: File.read(path) }]
      }
    )
    facts = JSON.parse(response.body["content"][0]["text"])
    csv << facts.values_at("name", "born", "died", "place", "occupation")
  end
end
