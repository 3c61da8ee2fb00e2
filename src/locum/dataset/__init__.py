"""From files to examples in splits that know nothing of each other."""

from locum.dataset.duplicates import DuplicateGroups, find_groups
from locum.dataset.labels import InferredLabels, infer_labels, likely_answer
from locum.dataset.reading import COLUMNS, ReadResult, SkippedRows, read_examples, read_texts
from locum.dataset.recorded import examples_of_calls
from locum.dataset.splits import SHARES, SplitRows, split_rows

__all__ = [
    "COLUMNS",
    "SHARES",
    "DuplicateGroups",
    "InferredLabels",
    "ReadResult",
    "SkippedRows",
    "SplitRows",
    "examples_of_calls",
    "find_groups",
    "infer_labels",
    "likely_answer",
    "read_examples",
    "read_texts",
    "split_rows",
]
