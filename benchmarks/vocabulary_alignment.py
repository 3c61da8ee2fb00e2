"""How well two tokenizers' vocabularies can be compared, on some texts.

Prints for teacher and student: the share of the student's targets at which both have a token
boundary; and, of those, how often the text's two next tokens are the same bytes, fall into the same
class of `locum.language.vocabularies`, and fall into one of a single student's token. With
``--rows`` it asks the teacher too, and prints how much of its mass a hundred listed classes hold.

    python -m benchmarks.vocabulary_alignment TEACHER STUDENT FILE... [--rows 600]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from locum.language import Packed
from locum.language.aligned_teacher import AlignedTeacher
from locum.language.token_bytes import TokenBytes
from locum.language.vocabularies import align, shared_vocabulary
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def _print_mass(source: Pretrained, student: PreTrainedTokenizerBase, text: str, rows: int) -> None:
    import torch

    model = source.load("bfloat16", None)
    ids = torch.tensor([student(text).input_ids[:rows]])
    positions = torch.arange(ids.shape[1])[None]
    for whole_classes in (False, True):
        teacher = AlignedTeacher(
            model, source.tokenizer, student, "", whole_classes=whole_classes, listed=100
        )
        packed = teacher.aligned(Packed(ids, positions, positions > 0))
        said = teacher.ask(packed)(slice(None))
        mass = said.log_probabilities_NK.exp().sum(-1).mean().item()
        print(f"mass listed with whole_classes={whole_classes}: {mass:.1%}")


def main() -> None:
    """Read the arguments, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", help="folder, GGUF file or name on the hub")
    parser.add_argument("student", help="the same")
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 texts")
    parser.add_argument("--rows", type=int, default=0, help="targets of the first text to ask of")
    asked = parser.parse_args()
    source = Pretrained(asked.teacher)
    teacher, student = source.tokenizer, Pretrained(asked.student).tokenizer
    vocabulary = shared_vocabulary(teacher, student)
    theirs, mine = TokenBytes(teacher), TokenBytes(student)
    listed = vocabulary.listed()
    counts = dict.fromkeys(("targets", "aligned", "bytes", "class", "listed"), 0)
    for file in asked.files:
        written = theirs.write(file.read_text("utf-8")), mine.write(file.read_text("utf-8"))
        if written[0] is None or written[1] is None:
            print(f"{file}: a tokenizer rewrites it; left out")
            continue
        (teacher_ids, teacher_ends), (student_ids, student_ends) = written[0], written[1]
        counts["targets"] += len(student_ids)
        for t, s in align(teacher_ends, student_ends):
            if t == len(teacher_ids):
                continue
            one, other = teacher_ids[t], student_ids[s]
            same = vocabulary.teacher_class[one] == vocabulary.student_class[other]
            counts["aligned"] += 1
            counts["bytes"] += theirs.texts[one] == mine.texts[other]
            counts["class"] += same and vocabulary.student_class[other] >= 0
            counts["listed"] += same and listed[one] >= 0
    print(f"tokens: teacher {len(theirs.texts):,}, student {len(mine.texts):,}")
    print(f"shared: {len(vocabulary.student_ids):,}, of one token: {len(set(listed) - {-1}):,}")
    print(f"targets: {counts['targets']:,}, aligned {counts['aligned'] / counts['targets']:.1%}")
    for name in ("bytes", "class", "listed"):
        print(f"  same {name}: {counts[name] / counts['aligned']:.1%}")
    if asked.rows:
        _print_mass(source, student, asked.files[0].read_text("utf-8"), asked.rows)


if __name__ == "__main__":
    main()
