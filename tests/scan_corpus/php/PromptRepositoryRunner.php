<?php

namespace Agency\Prompts;

use OpenAI\Client;

class PromptRepositoryRunner
{
    public function __construct(private Client $client, private \PDO $db)
    {
    }

    public function run(int $id, array $values): string
    {
        $query = $this->db->prepare('SELECT body, model, max_tokens FROM prompts WHERE id = ?');
        $query->execute([$id]);
        $prompt = $query->fetch(\PDO::FETCH_OBJ);

        $result = $this->client->chat()->create([
            'model' => $prompt->model,
            'max_tokens' => (int) $prompt->max_tokens,
            'messages' => [['role' => 'user', 'content' => strtr($prompt->body, $values)]],
        ]);

        return $result->choices[0]->message->content;
    }
}
