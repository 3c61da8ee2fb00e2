package school.certificates;

import java.util.List;

/**
 * Creates certificates of completion. It calls no model. What stood here in the pilot:
 * {@code client.chat().completions().create(params)} with "Answer yes or no".
 */
public class CertificateService {
    private final Registry client;

    public CertificateService(Registry client) {
        this.client = client;
    }

    public List<String> issue(List<Pupil> pupils) {
        return pupils.stream()
                .filter(pupil -> "yes".equals(pupil.answer()) || pupil.passed())
                .map(pupil -> client.completions().create(
                        new Completion(pupil.name(), "model", "system", "user")))
                .toList();
        // Message message = anthropic.messages().create(params); if (text.equals("yes")) ...
    }

    interface Registry {
        Completions completions();
    }

    interface Completions {
        String create(Completion completion);
    }

    record Completion(String pupil, String model, String system, String user) {}

    record Pupil(String name, String answer, boolean passed) {}
}
