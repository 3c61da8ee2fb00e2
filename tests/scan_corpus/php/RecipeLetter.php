<?php

namespace Kitchen;

use Kitchen\Prompts\Library;
use OpenAI\Client;

class RecipeLetter
{
    public function __construct(private Client $client, private Library $library)
    {
    }

    public function write(string $guest, array $dishes): array
    {
        $result = $this->client->chat()->create([
            'model' => 'gpt-4o',
            'messages' => [
                ['role' => 'system', 'content' => $this->library->text('letter')],
                ['role' => 'user', 'content' => $guest . "\n" . implode("\n", $dishes)],
            ],
        ]);
        $parts = ['greeting' => '', 'body' => ''];
        foreach (explode("\n", $result->choices[0]->message->content) as $line) {
            if (str_starts_with($line, 'Dear')) {
                $parts['greeting'] = $line;
            } else {
                $parts['body'] .= $line . "\n";
            }
        }

        return $parts;
    }
}
