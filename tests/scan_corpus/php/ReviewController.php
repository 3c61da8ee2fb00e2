<?php

declare(strict_types=1);

namespace App\Controller;

use App\Entity\Review;
use Doctrine\ORM\EntityManagerInterface;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Routing\Attribute\Route;
use Symfony\Contracts\HttpClient\HttpClientInterface;

final class ReviewController extends AbstractController
{
    public function __construct(
        private HttpClientInterface $http,
        private EntityManagerInterface $em,
        private string $anthropicKey,
    ) {
    }

    #[Route('/reviews', methods: ['POST'])]
    public function create(Request $request): JsonResponse
    {
        $text = $request->getPayload()->getString('text');
        $response = $this->http->request('POST', 'https://api.anthropic.com/v1/messages', [ // expect: closed-answer
            'headers' => ['x-api-key' => $this->anthropicKey, 'anthropic-version' => '2023-06-01'],
            'json' => [
                'model' => 'claude-3-5-sonnet-20241022',
                'max_tokens' => 5,
                'system' => 'Does the review contain personal data of other people? Answer YES or NO.',
                'messages' => [['role' => 'user', 'content' => $text]],
            ],
        ]);
        $answer = $response->toArray()['content'][0]['text'];

        $review = new Review($text, hidden: $answer === 'YES');
        $this->em->persist($review);
        $this->em->flush();

        return $this->json(['hidden' => $review->isHidden()], 201);
    }
}
