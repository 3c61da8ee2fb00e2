<?php

namespace App\Jobs;

use App\Models\Enquiry;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use OpenAI\Laravel\Facades\OpenAI;

class ClassifyEnquiry implements ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable, SerializesModels;

    private const PROMPT = 'Sort the enquiry of a tenant. Answer with one word: repair, rent, contract or noise.';

    public function __construct(private readonly Enquiry $enquiry)
    {
    }

    public function handle(): void
    {
        $result = OpenAI::chat()->create([ // expect: closed-answer, offline-loop
            'model' => 'gpt-4o',
            'temperature' => 0,
            'messages' => [
                ['role' => 'system', 'content' => self::PROMPT],
                ['role' => 'user', 'content' => $this->enquiry->text],
            ],
        ]);

        $this->enquiry->update(['kind' => trim($result->choices[0]->message->content)]);
    }
}
