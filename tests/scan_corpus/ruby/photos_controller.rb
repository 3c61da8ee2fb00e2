class PhotosController < ApplicationController
  before_action :authenticate_user!

  PROMPT = "Does this caption belong to a photograph of a person, an animal, a landscape or a building? " \
           "Reply with person, animal, landscape or building."

  def create
    photo = current_user.photos.build(photo_params)
    photo.motif = motif(photo.caption)
    if photo.save
      redirect_to photo
    else
      render :new, status: :unprocessable_entity
    end
  end

  private

  def motif(caption)
    message = Anthropic::Client.new.messages.create( # expect: closed-answer
      model: "claude-3-7-sonnet-latest",
      max_tokens: 6,
      system_: PROMPT,
      messages: [{ role: "user", content: caption }]
    )

    case message.content.first.text.strip
    when "person" then :portrait
    when "animal" then :wildlife
    when "landscape" then :landscape
    when "building" then :architecture
    end
  end

  def photo_params
    params.require(:photo).permit(:caption, :file)
  end
end
