# frozen_string_literal: true

namespace :recipes do
  desc "Compute the vectors of all recipes"
  task embed: :environment do
    client = OpenAI::Client.new

    Recipe.where(vector: nil).find_each(batch_size: 50) do |recipe|
      response = client.embeddings(
        parameters: {
          model: "text-embedding-3-small",
          input: "#{recipe.title}\n#{recipe.ingredients.join(', ')}"
        }
      )
      recipe.update!(vector: response.dig("data", 0, "embedding"))
      print "."
    end
  end
end
