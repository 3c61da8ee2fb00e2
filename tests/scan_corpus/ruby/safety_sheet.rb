require "sinatra"
require "openai"

CLIENT = OpenAI::Client.new(access_token: ENV.fetch("OPENAI_API_KEY"))

get "/ladders" do
  reply = CLIENT.chat(
    parameters: {
      model: "gpt-4",
      messages: [
        { role: "system", content: "You write safety instructions for craftsmen." },
        { role: "user", content: <<~TEXT }
          List the five most important rules for working on a ladder.
          One short sentence for each.
        TEXT
      ]
    }
  )
  erb :sheet, locals: { rules: reply.dig("choices", 0, "message", "content").lines }
end

get "/" do
  redirect "/ladders"
end
