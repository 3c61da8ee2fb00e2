# frozen_string_literal: true

require "openai"

module Wholesale
  # Reads orders that customers send as plain e-mails.
  class OrderParser
    class Line < OpenAI::BaseModel
      required :article, String
      required :quantity, Integer
    end

    class Order < OpenAI::BaseModel
      required :customer_number, String
      required :delivery_date, String
      required :lines, OpenAI::ArrayOf[Line]
    end

    def initialize(client: OpenAI::Client.new)
      @client = client
    end

    def parse(mail)
      completion = @client.chat.completions.create( # expect: fixed-schema
        model: "gpt-4o-2024-08-06",
        messages: [
          { role: :system, content: "Extract the order from the customer's e-mail." },
          { role: :user, content: mail }
        ],
        response_format: Order
      )
      completion.choices.first.message.parsed
    end
  end
end
