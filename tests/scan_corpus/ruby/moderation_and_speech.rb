# frozen_string_literal: true

# Reads visitors' greetings aloud in the entrance hall.
class ModerationAndSpeech
  def initialize(client: OpenAI::Client.new)
    @client = client
  end

  def play(greetings)
    greetings.each do |greeting|
      next if flagged?(greeting)

      audio = @client.audio.speech(
        parameters: { model: "tts-1", voice: "nova", input: "A greeting: #{greeting}" }
      )
      File.binwrite("greetings/#{greeting.hash}.mp3", audio)
    end
  end

  private

  def flagged?(text)
    result = @client.moderations(parameters: { input: text })
    result.dig("results", 0, "flagged") == true
  end
end
