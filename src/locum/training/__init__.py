"""How students are trained."""

from locum.training.classification import CurvePoint, Labelled, TrainedStudent, Trial, train

__all__ = ["CurvePoint", "Labelled", "TrainedStudent", "Trial", "train"]
