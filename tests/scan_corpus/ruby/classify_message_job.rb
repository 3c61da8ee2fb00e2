# frozen_string_literal: true

class ClassifyMessageJob
  include Sidekiq::Job

  sidekiq_options queue: :low, retry: 5

  LABELS = %w[order delivery refund praise].freeze

  def perform(message_id)
    message = Message.find(message_id)
    response = client.chat( # expect: closed-answer, offline-loop
      parameters: {
        model: "gpt-4o",
        temperature: 0.0,
        messages: [
          { role: "system", content: "Label the message with one of: #{LABELS.join(', ')}. Output the label alone." },
          { role: "user", content: message.body }
        ]
      }
    )
    label = response.dig("choices", 0, "message", "content").strip
    message.update!(label: LABELS.include?(label) ? label : nil)
  end

  private

  def client
    @client ||= OpenAI::Client.new(access_token: ENV.fetch("OPENAI_API_KEY"))
  end
end
