class PagesController < ApplicationController
  def home
    @intro = Rails.cache.fetch("intro") do
      response = OpenAI::Client.new.chat(
        parameters: {
          model: "gpt-4o",
          messages: [{ role: "user", content: "Welcome visitors of a planetarium in three sentences." }]
        }
      )
      response.dig("choices", 0, "message", "content")
    end
  end
end
