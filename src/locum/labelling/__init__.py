"""Labels for a task: planned, bought within a budget, and kept for its student."""

from locum.labelling.cluster import Cluster, label_on_cluster
from locum.labelling.generate import Generated, generate_inputs
from locum.labelling.label import LabelledTask, label_task, plan_task
from locum.labelling.writer import GenerationPlan, find_writer, plan_generation
from locum.labelling.writing import Wish

__all__ = [
    "Cluster",
    "Generated",
    "GenerationPlan",
    "LabelledTask",
    "Wish",
    "find_writer",
    "generate_inputs",
    "label_on_cluster",
    "label_task",
    "plan_generation",
    "plan_task",
]
