from openai import OpenAI

from grants.models import Project

client = OpenAI()

GUIDE = """Write the narrative part of a final grant report. Cover the aims, what was done,
deviations from the plan and their reasons, results with figures, and lessons learned.
Use a sober tone and complete sentences. About three pages."""


class ReportWriter:
    def write(self, project: Project) -> str:
        facts = "\n".join(f"- {milestone.title}: {milestone.notes}" for milestone in project.milestones)
        response = client.responses.create(
            model="gpt-4.1",
            instructions=GUIDE,
            input=f"Project: {project.title}\nBudget: {project.budget}\n\nMilestones:\n{facts}",
            max_output_tokens=6000,
        )
        return response.output_text
