<?php

declare(strict_types=1);

namespace Library\Labels;

use Anthropic\Client;

final class ShelfLabel
{
    public function __construct(private Client $anthropic)
    {
    }

    public function shorten(string $title): string
    {
        $message = $this->anthropic->messages->create( // expect: narrow-prompt
            maxTokens: 20,
            messages: [['role' => 'user', 'content' => "Shorten the title to fit on the spine label of a book: {$title}"]],
            model: 'claude-sonnet-4-20250514',
            temperature: 0,
        );

        return $message->content[0]->text;
    }

    /** The legend on the wall beside the shelves. */
    public function legend(): string
    {
        $message = $this->anthropic->messages->create(
            maxTokens: 600,
            messages: [['role' => 'user', 'content' => 'Explain the ten main classes of the Dewey Decimal Classification, one line each.']],
            model: 'claude-sonnet-4-20250514',
        );

        return $message->content[0]->text;
    }
}
