"""How students are trained."""

from locum.training.classification import (
    CurvePoint,
    Labelled,
    SyntheticGain,
    TrainedStudent,
    Trial,
    train,
)
from locum.training.encoders import DistilledEncoder, EncoderTraining, distil_encoder

__all__ = [
    "CurvePoint",
    "DistilledEncoder",
    "EncoderTraining",
    "Labelled",
    "SyntheticGain",
    "TrainedStudent",
    "Trial",
    "distil_encoder",
    "train",
]
