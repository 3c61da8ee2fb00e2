<?php

namespace App\Console\Commands;

use App\Models\Product;
use Illuminate\Console\Command;
use OpenAI\Laravel\Facades\OpenAI;

class EmbedProducts extends Command
{
    protected $signature = 'products:embed';

    public function handle(): int
    {
        foreach (Product::whereNull('embedding')->cursor() as $product) {
            $response = OpenAI::embeddings()->create([
                'model' => 'text-embedding-3-small',
                'input' => "{$product->name}\n{$product->description}",
            ]);
            $product->update(['embedding' => $response->embeddings[0]->embedding]);
        }

        return self::SUCCESS;
    }
}
