<?php

namespace Shop\Seo;

use OpenAI\Contracts\ClientContract;

final class SeoTitle
{
    public const MAX_TOKENS = 25;

    public function __construct(private readonly ClientContract $openai)
    {
    }

    public function for(string $name, string $category): string
    {
        $prompt = sprintf('Write the title tag of a shop page. Article: %s. Category: %s.', $name, $category);

        $completion = $this->openai->chat()->create([ // expect: narrow-prompt
            'model' => 'gpt-4o',
            'max_tokens' => self::MAX_TOKENS,
            'messages' => [['role' => 'user', 'content' => $prompt]],
        ]);

        return trim($completion->choices[0]->message->content, " \"\n");
    }
}
