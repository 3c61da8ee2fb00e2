"""How students are trained."""

from locum.training.classification import (
    CurvePoint,
    Labelled,
    SyntheticGain,
    TrainedStudent,
    Trial,
    train,
)

__all__ = ["CurvePoint", "Labelled", "SyntheticGain", "TrainedStudent", "Trial", "train"]
