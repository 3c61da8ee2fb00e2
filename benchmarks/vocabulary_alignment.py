"""How well two tokenizers' vocabularies can be compared, on some texts.

Prints for teacher and student: the share of the student's targets at which both have a token
boundary; and, of those, how often the text's two next tokens are the same bytes, fall into the same
class of `locum.language.vocabularies`, and fall into one of a single student's token.

    python -m benchmarks.vocabulary_alignment TEACHER STUDENT FILE...
"""

from __future__ import annotations

import argparse
from pathlib import Path

from locum.language.token_bytes import TokenBytes
from locum.language.vocabularies import align, shared_vocabulary
from locum.teachers.pretrained import Pretrained


def main() -> None:
    """Read the arguments, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", help="folder, GGUF file or name on the hub")
    parser.add_argument("student", help="the same")
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 texts")
    asked = parser.parse_args()
    teacher, student = (Pretrained(name).tokenizer for name in (asked.teacher, asked.student))
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


if __name__ == "__main__":
    main()
