<?php

namespace App\Agents;

use OpenAI\Client;

class BookingAgent
{
    private array $tools;

    public function __construct(private Client $client, private ToolBox $box)
    {
        $this->tools = $box->describe(['find_table', 'reserve_table', 'cancel_table']);
    }

    public function run(string $wish): string
    {
        $messages = [
            ['role' => 'system', 'content' => 'You take reservations for a restaurant. Use the tools.'],
            ['role' => 'user', 'content' => $wish],
        ];

        for ($step = 0; $step < 8; $step++) {
            $result = $this->client->chat()->create([
                'model' => 'gpt-4o',
                'messages' => $messages,
                'tools' => $this->tools,
            ]);
            $message = $result->choices[0]->message;
            if ($message->toolCalls === []) {
                return $message->content;
            }
            $messages[] = $message->toArray();
            foreach ($message->toolCalls as $call) {
                $messages[] = $this->box->call($call);
            }
        }

        return 'I could not finish the reservation.';
    }
}
