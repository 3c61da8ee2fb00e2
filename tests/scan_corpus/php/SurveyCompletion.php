<?php

namespace App\Surveys;

use App\Models\Survey;

/**
 * Records that a survey is complete. It does not call a model; the OpenAI::chat()->create([...])
 * that stood here until last year was taken out.
 */
class SurveyCompletion
{
    public function create(Survey $survey, array $answers): array
    {
        $completions = $survey->chat()->create([
            'model' => Survey::class,
            'messages' => array_values($answers),
        ]);

        foreach ($answers as $question => $answer) {
            if ($answer === 'yes' || $answer === 'no') {
                $survey->tally($question, $answer);
            }
        }

        // $result = OpenAI::chat()->create(['model' => 'gpt-4o', 'messages' => [...]]);
        return $completions;
    }
}
