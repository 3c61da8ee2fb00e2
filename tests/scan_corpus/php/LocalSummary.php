<?php

use GuzzleHttp\Client;

function isUrgent(string $note): bool
{
    $ollama = new Client(['base_uri' => 'http://localhost:11434']);
    $response = $ollama->post('/api/generate', [
        'json' => [
            'model' => 'gemma2:9b',
            'prompt' => "Is this nursing note urgent? Answer yes or no.\n\n" . $note,
            'stream' => false,
        ],
    ]);
    $body = json_decode($response->getBody(), true);

    return strtolower(trim($body['response'])) === 'yes';
}
