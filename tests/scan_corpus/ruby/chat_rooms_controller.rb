# frozen_string_literal: true

# Rooms in which people chat with each other.
class ChatRoomsController < ApplicationController
  def create
    client = current_account.video_client
    room = client.chat(
      parameters: {
        model: "mesh",
        max_participants: 8,
        messages: [{ role: "host", content: "Welcome to the room of #{current_user.name}!" }]
      }
    )
    # response = OpenAI::Client.new.chat(parameters: { model: "gpt-4o", messages: [...] })
    case room.status
    when "open", "waiting" then redirect_to room.url, allow_other_host: true
    else redirect_to rooms_path, alert: t(".closed")
    end
  end
end
