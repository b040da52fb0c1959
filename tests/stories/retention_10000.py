"""Retention over 10,000 mails: `python -m tests.stories.retention_10000 [MAILS]`; minutes. 1 when too much is left."""

# done("faults.10"): python -m tests.stories.retention_10000

import asyncio
import sys
import tempfile

from tests.stories.test_retention import emptied

MAILS = 10_000
LEFT_MAX = 0.25


def main(mails: int) -> int:
    with tempfile.TemporaryDirectory(prefix="ventanilla-retention-") as folder:
        before, after = asyncio.run(emptied(f"sqlite://{folder}/ventanilla.db", mails))
    left = after / before
    sys.stdout.write(f"{mails} mails: {before} bytes before retention, {after} after it: {left:.3f} is left\n")
    return 0 if left < LEFT_MAX else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else MAILS))
