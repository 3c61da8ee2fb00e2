<?php

use GuzzleHttp\Client;

class ReceiptReader
{
    private const ENDPOINT = 'https://api.openai.com/v1/chat/completions';

    private const FORMAT = [
        'type' => 'json_schema',
        'json_schema' => [
            'name' => 'receipt',
            'strict' => true,
            'schema' => [
                'type' => 'object',
                'properties' => [
                    'shop' => ['type' => 'string'],
                    'date' => ['type' => 'string'],
                    'total' => ['type' => 'number'],
                ],
                'required' => ['shop', 'date', 'total'],
                'additionalProperties' => false,
            ],
        ],
    ];

    public function __construct(private Client $guzzle, private string $key)
    {
    }

    public function read(string $ocr): array
    {
        $response = $this->guzzle->post(self::ENDPOINT, [ // expect: fixed-schema
            'headers' => ['Authorization' => 'Bearer ' . $this->key],
            'json' => [
                'model' => 'gpt-4o',
                'response_format' => self::FORMAT,
                'messages' => [
                    ['role' => 'system', 'content' => 'Read shop, date and total off the receipt.'],
                    ['role' => 'user', 'content' => $ocr],
                ],
            ],
        ]);
        $body = json_decode((string) $response->getBody(), true);

        return json_decode($body['choices'][0]['message']['content'], true);
    }
}
