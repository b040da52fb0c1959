# done("house.8"): python -m tools.measure
"""Measures severity and decoding: macro-F1 over graded texts, and the share of mails whose parts are read right.

usage: python -m tools.measure [--cases FOLDER]. FOLDER holds `severity/sample.jsonl` and `corpus/s1.jsonl`; without it
a folder beside the checkout that holds both is taken, and where there is none our own cases. Exit 1 below the promise.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from desk.base.reading_words import load_reading_words
from desk.triage import classify
from intake.email.reading.describe import describe
from intake.email.reading.read import read

ROOT = Path(__file__).parents[1]
OWN_TEXTS = ROOT / "tests" / "rules" / "triage_cases.jsonl"
F1_LEAST = 0.60
DECODED_LEAST = 90.0
GRADES = (1, 2, 3)


def macro_f1(pairs: list[tuple[int, int]]) -> float:
    """Return the mean of the three grades' F1 over (expected, given) pairs."""
    scores = []
    for grade in GRADES:
        both = sum(expected == given == grade for expected, given in pairs)
        named = sum(expected == grade for expected, _ in pairs) + sum(given == grade for _, given in pairs)
        scores.append(2 * both / named if named else 0.0)
    return sum(scores) / len(scores)


def severity(file: Path) -> float:
    """Return the macro-F1 over a file of graded texts."""
    cases = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    pairs = [
        (case["severity"], classify(case.get("subject", ""), case["body"], case.get("channel", "email")).severity.value)
        for case in cases
    ]
    score = macro_f1(pairs)
    print(f"figure: severity: macro-F1 {score:.3f} over {len(pairs)} texts of {file.name}")
    return score


def _plain(text: object) -> str:
    return " ".join(str(text or "").split())


def _letters(text: object) -> str:
    return "".join(letter for letter in str(text or "").lower() if letter.isalnum())


def is_right(expected: dict[str, Any], read_as: dict[str, Any]) -> bool:
    """Tell whether every part that is asked for was read as expected."""
    files = [(_plain(one["name"]), one["size"]) for one in read_as["attachments"]]
    checks = [
        "from" not in expected or (read_as["from"]["address"] or "").lower() == expected["from"].lower(),
        "subject" not in expected or _plain(read_as["subject"]) == _plain(expected["subject"]),
        all(_letters(words) in _letters(read_as["text"]) for words in expected.get("text_contains", ())),
        all(
            any(_plain(name) == has and size in (None, given) for has, given in files)
            for name, size in expected.get("attachments", ())
        ),
        expected.get("attachment_count", len(files)) == len(files),
        all(size in [given for _, given in files] for size in expected.get("attachment_sizes", ())),
        "to" not in expected or [one.lower() for one in read_as["to"]] == expected["to"],
    ]
    return all(checks)


def decoding(file: Path) -> float:
    """Return the percentage of mails of a corpus that are read right."""
    words = load_reading_words()
    cases = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    right = sum(
        is_right(case["expect"], describe(read((file.parent / case["raw"]).read_bytes(), words=words)))
        for case in cases
    )
    share = 100 * right / len(cases)
    print(f"figure: decoding: {right} of {len(cases)} mails = {share:.1f} %")
    return share


def beside() -> Path | None:
    """Return a folder beside the checkout that holds cases of others."""
    found = sorted(ROOT.parent.glob("*/severity/sample.jsonl"))
    return found[0].parents[1] if found else None


def main() -> int:
    parser = argparse.ArgumentParser(description="severity and decoding, measured")
    parser.add_argument("--cases", type=Path, default=beside())
    cases: Path | None = parser.parse_args().cases
    if cases is None:
        print("figure: no cases of others beside the checkout: severity on our own, decoding by tests/mails")
        return 0 if severity(OWN_TEXTS) >= F1_LEAST else 1
    is_good = severity(cases / "severity" / "sample.jsonl") >= F1_LEAST
    return 0 if (decoding(cases / "corpus" / "s1.jsonl") >= DECODED_LEAST) and is_good else 1


if __name__ == "__main__":
    sys.exit(main())
