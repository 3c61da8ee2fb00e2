<?php

namespace App\Http\Controllers;

use Illuminate\Http\Request;
use OpenAI\Laravel\Facades\OpenAI;

class StreamedAnswer extends Controller
{
    public function __invoke(Request $request)
    {
        $messages = $request->validate(['messages' => 'required|array'])['messages'];

        return response()->stream(function () use ($messages) {
            $stream = OpenAI::chat()->createStreamed([
                'model' => 'gpt-4.1',
                'messages' => $messages,
            ]);

            foreach ($stream as $part) {
                echo 'data: ' . json_encode($part->choices[0]->delta->toArray()) . "\n\n";
                ob_flush();
                flush();
            }
        }, 200, ['Content-Type' => 'text/event-stream']);
    }
}
