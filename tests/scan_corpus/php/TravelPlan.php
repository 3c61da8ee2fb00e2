<?php

namespace App\Services;

use GuzzleHttp\ClientInterface;

class TravelPlan
{
    public function __construct(private ClientInterface $http)
    {
    }

    public function write(string $city, int $days, array $interests): string
    {
        $liked = implode(', ', $interests);
        $response = $this->http->request('POST', 'https://api.mistral.ai/v1/chat/completions', [
            'headers' => ['Authorization' => 'Bearer ' . getenv('MISTRAL_API_KEY')],
            'json' => [
                'model' => 'mistral-large-latest',
                'temperature' => 0.7,
                'messages' => [
                    ['role' => 'system', 'content' => 'Plan a journey in detail, with a paragraph for each half day.'],
                    ['role' => 'user', 'content' => "City: $city. Days: $days. Interests: $liked."],
                ],
            ],
        ]);

        return json_decode($response->getBody()->getContents(), true)['choices'][0]['message']['content'];
    }
}
