<?php

namespace Office\Mail;

use OpenAI\Client;

/** Sorts the scanned post of the town hall. */
class MailSorter
{
    private string $model = 'gpt-4.1';

    public function __construct(private Client $client)
    {
    }

    public function department(string $letter): ?string
    {
        $instructions = <<<TXT
            Du sortierst die Post eines Rathauses.
            Antworte ausschließlich mit einem dieser Wörter:
            Bauamt, Standesamt, Ordnungsamt, Kasse
            TXT;

        $response = $this->client->responses()->create([ // expect: closed-answer
            'model' => $this->model,
            'instructions' => $instructions,
            'input' => $letter,
        ]);

        return match (trim($response->outputText)) {
            'Bauamt' => 'building@example.org',
            'Standesamt' => 'registry@example.org',
            'Ordnungsamt' => 'order@example.org',
            'Kasse' => 'cash@example.org',
            default => null,
        };
    }
}
