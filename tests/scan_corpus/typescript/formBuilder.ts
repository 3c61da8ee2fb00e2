/** Nothing of a model: `completions.create` makes a record of a course that was completed. */
import { Completions } from "./lms/completions";

interface Course {
  id: string;
  model: "self-paced" | "classroom";
}

const completions = new Completions(process.env.LMS_URL ?? "");

export async function completeAll(courses: Course[], user: string) {
  const created = [];
  for (const course of courses) {
    const completion = await completions.create({
      model: course.model,
      messages: [{ role: "user", content: `Certificate for ${user}` }],
      temperature: 0,
    });
    if (completion.status === "passed") created.push(completion);
  }
  return created;
}
