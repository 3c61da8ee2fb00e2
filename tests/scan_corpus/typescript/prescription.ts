import axios from "axios";

const ENDPOINT = "https://api.mistral.ai/v1/chat/completions";

export interface Prescription {
  drug: string;
  dose: string;
  frequency: string;
}

export async function parsePrescription(note: string): Promise<Prescription> {
  const { data } = await axios.post( // expect: fixed-schema
    ENDPOINT,
    {
      model: "mistral-large-latest",
      temperature: 0,
      response_format: { type: "json_object" },
      messages: [
        {
          role: "system",
          content:
            'Extract the prescription from a doctor\'s note as JSON: {"drug": string, "dose": string, "frequency": string}.',
        },
        { role: "user", content: note },
      ],
    },
    { headers: { Authorization: `Bearer ${process.env.MISTRAL_API_KEY}` } },
  );
  return JSON.parse(data.choices[0].message.content);
}
