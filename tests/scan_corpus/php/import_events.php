<?php

/** Reads events out of newsletters: php import_events.php newsletters/*.txt */

require __DIR__ . '/vendor/autoload.php';

$client = OpenAI::client(getenv('OPENAI_API_KEY'));
$prompt = 'Extract the event that the newsletter announces. Return JSON with the keys '
    . 'title, venue, starts_at, price and url.';
$events = [];

foreach (array_slice($argv, 1) as $file) {
    $result = $client->chat()->create([ // expect: fixed-schema, offline-loop
        'model' => 'gpt-4o-mini',
        'response_format' => ['type' => 'json_object'],
        'messages' => [
            ['role' => 'system', 'content' => $prompt],
            ['role' => 'user', 'content' => file_get_contents($file)],
        ],
    ]);
    $events[] = json_decode($result->choices[0]->message->content, true);
}

file_put_contents('events.json', json_encode($events, JSON_PRETTY_PRINT));
