# frozen_string_literal: true

class StreamJob < ApplicationJob
  queue_as :chat

  def perform(chat)
    content = +""
    OpenAI::Client.new.chat(
      parameters: {
        model: chat.model,
        messages: chat.messages.for_model,
        stream: proc do |chunk, _bytes|
          piece = chunk.dig("choices", 0, "delta", "content").to_s
          content << piece
          Turbo::StreamsChannel.broadcast_append_to(chat, target: "answer", html: piece)
        end
      }
    )
    chat.messages.create!(role: :assistant, content: content)
  end
end
