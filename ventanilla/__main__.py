"""`ventanilla …` and `python -m ventanilla …`: the front door of the command line."""

import sys

from ventanilla.cli import dispatch


def main() -> int:
    """Carry out the command line and return its exit code (CONTRACT 1)."""
    return dispatch(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
