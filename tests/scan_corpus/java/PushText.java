package weather.push;

import com.google.genai.Client;
import com.google.genai.types.GenerateContentConfig;
import com.google.genai.types.GenerateContentResponse;

/** Words of the notification that warns of bad weather. */
public class PushText {
    private static final int MAX_TOKENS = 48;

    private final Client gemini = new Client();

    public String of(String warning, String district) {
        GenerateContentConfig config = GenerateContentConfig.builder()
                .temperature(0.2f)
                .maxOutputTokens(MAX_TOKENS)
                .build();
        String prompt = String.format(
                "Shorten the weather warning to one line for a push notification.%nDistrict: %s%nWarning: %s",
                district, warning);
        GenerateContentResponse response = gemini.models.generateContent("gemini-2.5-pro", prompt, config); // expect: narrow-prompt
        return response.text();
    }
}
