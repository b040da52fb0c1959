"""`ventanilla …` and `python -m ventanilla …`: the front door of the command line."""

import sys
from types import TracebackType

from ventanilla.cli import dispatch


def main() -> int:
    """Carry out the command line and return its exit code (CONTRACT 1)."""
    sys.excepthook = show_mistake
    return dispatch(sys.argv[1:])


def show_mistake(_kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    """Show a mistake of ours that ends the process, as a log would: standard error is kept where logs are."""
    from desk.base.discreet import told_at_length, without_addresses  # noqa: PLC0415 -- no start needs it

    sys.stderr.write(f"{without_addresses(told_at_length(error))}\n")


if __name__ == "__main__":
    sys.exit(main())
