require "anthropic"

client = Anthropic::Client.new
messages = []

loop do
  print "> "
  line = gets&.chomp
  break if line.nil? || line == "quit"

  messages << { role: "user", content: line }
  reply = client.messages.create(model: "claude-sonnet-4-5", max_tokens: 1024, messages: messages)
  text = reply.content.first.text
  messages << { role: "assistant", content: text }
  puts text
end
