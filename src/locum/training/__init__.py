"""How students are trained."""

from locum.training.arrays import DistilledClassifier
from locum.training.classification import (
    CurvePoint,
    Labelled,
    SyntheticGain,
    TrainedStudent,
    Trial,
    train,
)
from locum.training.encoders import DistilledEncoder, EncoderTraining, distil_encoder
from locum.training.extraction import (
    AnsweredTexts,
    TrainedExtractor,
    train_encoder_extractor,
    train_linear_extractor,
    try_linear_extractor,
)
from locum.training.modules import Epoch, distill_module, hinton_loss

__all__ = [
    "AnsweredTexts",
    "CurvePoint",
    "DistilledClassifier",
    "DistilledEncoder",
    "EncoderTraining",
    "Epoch",
    "Labelled",
    "SyntheticGain",
    "TrainedExtractor",
    "TrainedStudent",
    "Trial",
    "distil_encoder",
    "distill_module",
    "hinton_loss",
    "train",
    "train_encoder_extractor",
    "train_linear_extractor",
    "try_linear_extractor",
]
