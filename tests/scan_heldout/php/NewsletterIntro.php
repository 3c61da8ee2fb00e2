<?php

namespace App\Console\Commands;

use App\Models\Branch;
use Illuminate\Console\Command;
use Illuminate\Support\Facades\Http;

class NewsletterIntro extends Command
{
    protected $signature = 'newsletter:intro';

    public function handle(): void
    {
        Branch::all()->each(function (Branch $branch) {
            $response = Http::withHeaders(['x-api-key' => config('services.anthropic.key')]) // expect: offline-loop
                ->post('https://api.anthropic.com/v1/messages', [
                    'model' => 'claude-sonnet-4-20250514',
                    'max_tokens' => 1500,
                    'system' => 'Write the introduction of the newsletter of a branch from its news, four paragraphs.',
                    'messages' => [['role' => 'user', 'content' => $branch->news->implode("\n")]],
                ]);
            $branch->update(['intro' => $response->json('content.0.text')]);
        });
    }
}
