<?php

namespace App\Support;

use OpenAI\Client;

enum Team: string
{
    case Sales = 'sales';
    case Service = 'service';
    case Accounting = 'accounting';
}

class SupportRouter
{
    public function __construct(private Client $openai)
    {
    }

    public function team(string $text): Team
    {
        $system = 'Which team should answer? Only these answers are allowed: '
            . implode(', ', ['sales', 'service', 'accounting']);
        $result = $this->openai->chat()->create([ // expect: closed-answer
            'model' => 'gpt-4o',
            'messages' => [
                ['role' => 'system', 'content' => $system],
                ['role' => 'user', 'content' => $text],
            ],
        ]);

        return Team::from($result->choices[0]->message->content);
    }
}
