class ConversationsController < ApplicationController
  def reply
    conversation = current_user.conversations.find(params[:id])
    conversation.turns.create!(role: "user", content: params[:text])

    messages = conversation.turns.order(:created_at).map { |turn| { role: turn.role, content: turn.content } }
    response = OpenAI::Client.new.chat(
      parameters: {
        model: "gpt-4o",
        messages: [{ role: "system", content: "You help people to fill in forms." }] + messages
      }
    )

    answer = response.dig("choices", 0, "message", "content")
    conversation.turns.create!(role: "assistant", content: answer)
    render json: { answer: answer }
  end
end
