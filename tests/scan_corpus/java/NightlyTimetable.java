package transit.timetable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Service;

@Service
public class NightlyTimetable {
    private static final URI ENDPOINT = URI.create("https://api.openai.com/v1/chat/completions");
    private static final String INSTRUCTION =
            "Extract the disruption from the operator's notice. Return a JSON object with the keys "
                    + "line, from_stop, to_stop, begins and ends.";

    private final HttpClient http = HttpClient.newHttpClient();
    private final ObjectMapper json = new ObjectMapper();
    private final NoticeStore store;

    public NightlyTimetable(NoticeStore store) {
        this.store = store;
    }

    @Scheduled(cron = "0 15 3 * * *")
    public void readNotices() throws Exception {
        for (Notice notice : store.unread()) {
            String body = json.writeValueAsString(Map.of(
                    "model", "gpt-4o",
                    "response_format", Map.of("type", "json_object"),
                    "messages", List.of(
                            Map.of("role", "system", "content", INSTRUCTION),
                            Map.of("role", "user", "content", notice.text()))));
            HttpRequest request = HttpRequest.newBuilder(ENDPOINT)
                    .header("Authorization", "Bearer " + System.getenv("OPENAI_API_KEY"))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString()); // expect: fixed-schema, offline-loop
            JsonNode answer = json.readTree(response.body());
            store.save(notice.id(), answer.at("/choices/0/message/content").asText());
        }
    }
}
