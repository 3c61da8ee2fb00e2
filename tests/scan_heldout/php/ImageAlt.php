<?php

use OpenAI\Laravel\Facades\OpenAI;

class ImageMaker
{
    public function banner(string $theme): string
    {
        $response = OpenAI::images()->create([
            'model' => 'dall-e-3',
            'prompt' => "Banner for a school web site. Theme: $theme",
            'size' => '1792x1024',
        ]);

        return $response->data[0]->url;
    }
}
