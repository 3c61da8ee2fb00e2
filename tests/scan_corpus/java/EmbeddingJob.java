package library.search;

import com.openai.client.OpenAIClient;
import com.openai.models.embeddings.CreateEmbeddingResponse;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.embeddings.EmbeddingModel;
import org.springframework.scheduling.annotation.Scheduled;

public class EmbeddingJob {
    private final OpenAIClient client;
    private final BookStore books;

    public EmbeddingJob(OpenAIClient client, BookStore books) {
        this.client = client;
        this.books = books;
    }

    @Scheduled(fixedDelay = 60_000)
    public void run() {
        for (Book book : books.withoutVector(50)) {
            EmbeddingCreateParams params = EmbeddingCreateParams.builder()
                    .model(EmbeddingModel.TEXT_EMBEDDING_3_LARGE)
                    .input("Title: " + book.title() + "\n" + book.blurb())
                    .build();
            CreateEmbeddingResponse response = client.embeddings().create(params);
            books.saveVector(book.id(), response.data().get(0).embedding());
        }
    }
}
