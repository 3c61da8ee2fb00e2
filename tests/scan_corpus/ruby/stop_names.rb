# frozen_string_literal: true

require "openai"

# Proposes names for new bus stops: ruby stop_names.rb stops.txt
class StopNames
  MAX = 15

  def initialize
    @openai = OpenAI::Client.new(api_key: ENV["OPENAI_API_KEY"])
  end

  def propose(surroundings)
    response = @openai.responses.create( # expect: narrow-prompt, offline-loop
      model: "gpt-4.1",
      instructions: "Propose a name for a bus stop from what is around it. Name only.",
      input: surroundings,
      max_output_tokens: MAX
    )
    response.output.first.content.first.text
  end
end

names = StopNames.new
File.foreach(ARGV.fetch(0), chomp: true) do |line|
  puts [line, names.propose(line)].join("\t")
end
