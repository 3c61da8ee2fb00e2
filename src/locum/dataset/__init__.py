"""From files to examples in splits that know nothing of each other."""

from locum.dataset.duplicates import CopyFinder, DuplicateGroups, find_groups
from locum.dataset.labels import InferredLabels, are_free_text, infer_labels, likely_answer
from locum.dataset.reading import (
    COLUMNS,
    ReadResult,
    SkippedRows,
    is_soft_label,
    read_examples,
    read_texts,
)
from locum.dataset.recorded import describe_placeholders, examples_of_calls
from locum.dataset.rewriting import rewrite_rows
from locum.dataset.splits import SHARES, SplitRows, may_seed, split_rows
from locum.dataset.surroundings import NO_SURROUNDINGS, Surroundings, find_surroundings
from locum.dataset.written import WrittenExample, admit_written, seed_name, write_written

__all__ = [
    "COLUMNS",
    "NO_SURROUNDINGS",
    "SHARES",
    "CopyFinder",
    "DuplicateGroups",
    "InferredLabels",
    "ReadResult",
    "SkippedRows",
    "SplitRows",
    "Surroundings",
    "WrittenExample",
    "admit_written",
    "are_free_text",
    "describe_placeholders",
    "examples_of_calls",
    "find_groups",
    "find_surroundings",
    "infer_labels",
    "is_soft_label",
    "likely_answer",
    "may_seed",
    "read_examples",
    "read_texts",
    "rewrite_rows",
    "seed_name",
    "split_rows",
    "write_written",
]
