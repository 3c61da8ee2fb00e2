using OpenAI.Chat; // for the type of the stored records alone

namespace Learning.Courses;

/// <summary>
/// Completes courses. <c>client.CompleteChat("yes or no?")</c> is not called here any more.
/// </summary>
public class CourseCompletion(ICourseClient client)
{
    public async Task<int> CompleteAllAsync(IEnumerable<Course> courses)
    {
        var done = 0;
        foreach (var course in courses)
        {
            // var answer = await chat.CompleteChatAsync($"Is {course.Title} mandatory? yes/no");
            var result = await client.CompleteAsync(course.Id, new { role = "user", model = course.Model });
            if (result == "passed" || result == "merit")
            {
                done++;
            }
        }
        return done;
    }

    public static ChatFinishReason? ReasonOf(ChatCompletion? stored) => stored?.FinishReason;
}

public record Course(int Id, string Title, string Model);

public interface ICourseClient
{
    Task<string> CompleteAsync(int id, object details);
}
