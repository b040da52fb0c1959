"""Seeds that change with every commit, so that what is drawn is drawn anew, and the same for all who test a commit."""

import subprocess

from tests.faults.nodes import ROOT

WITHOUT_COMMIT = "0"
"""Where there is no history: in an unpacked archive."""
SEED_DIGITS = 6
"""Hexadecimal digits of a commit that a seed is."""


def commit() -> str:
    """Return the id of the commit that is tested."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        said = ""
    return said or WITHOUT_COMMIT


def seed_of_commit() -> int:
    """Return the first seed of a commit."""
    return int(commit()[:SEED_DIGITS], 16)
