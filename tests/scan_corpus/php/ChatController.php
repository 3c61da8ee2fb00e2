<?php

namespace App\Http\Controllers;

use App\Models\Conversation;
use Illuminate\Http\Request;
use OpenAI\Laravel\Facades\OpenAI;

class ChatController extends Controller
{
    public function send(Request $request, Conversation $conversation)
    {
        $conversation->messages()->create(['role' => 'user', 'content' => $request->input('text')]);

        $messages = $conversation->messages()->orderBy('id')->get(['role', 'content'])->toArray();
        array_unshift($messages, ['role' => 'system', 'content' => 'You are the assistant of a library.']);

        $result = OpenAI::chat()->create(['model' => 'gpt-4o', 'messages' => $messages]);

        return $conversation->messages()->create([
            'role' => 'assistant',
            'content' => $result->choices[0]->message->content,
        ]);
    }
}
