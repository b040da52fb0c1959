"""One file a command: `add(commands)` declares its arguments, `run(args, settings)` carries it out.

`run` returns an exit code of CONTRACT 1.

Promises: only the module of the command asked for is imported; the whole configuration is sound before it runs; every
error is one line on standard error without a traceback; every line of output is flushed when it is written. Never:
carries anything out itself. Modules import at their head only what is quick; the rest inside `run`.
"""

import io
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from desk.base.errors import SettingsInvalid, VentanillaError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from ventanilla.settings import Settings

    Commands = _SubParsersAction[ArgumentParser]
    """What `add` of a command is given."""

GOOD, PROBLEM, WRONG_USE, TRY_LATER, BAD_CONFIGURATION = 0, 1, 2, 75, 78
"""Exit codes (CONTRACT 1)."""
LATER = frozenset(
    (
        "phone",
        "doctor",
        "report",
        "announce",
        "rehearse",
        "oauth",
        "learn",
    )
)
"""Commands of CONTRACT 1 whose feature is not there yet."""
INTERRUPTED = 130
"""What a shell gives for a command ended by Ctrl-C."""


class Command(Protocol):
    """What the module of a command holds."""

    def add(self, commands: "Commands") -> None:
        """Declare the command: `commands.add_parser(NAME, help=SENTENCE)` and its arguments, but for --config."""
        ...

    def run(self, args: Namespace, settings: "Settings") -> int:
        """Carry the command out and return its exit code. Raises VentanillaError for what it cannot help."""
        ...


class _Parser(ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"{self.prog}: {message} (`{self.prog} --help` shows how)\n")


def dispatch(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code. Never raises but for programmer's mistakes."""
    _flush_every_line()
    try:
        return _carry_out(list(arguments))
    except SettingsInvalid as invalid:
        _complain(*(str(problem) for problem in invalid.problems))
        return BAD_CONFIGURATION
    except VentanillaError as error:
        _complain(str(error) or type(error).__name__)
        return PROBLEM
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except OSError as error:
        _complain(f"ventanilla: {error.filename or 'system'}: {error.strerror or error}")
        return PROBLEM
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else PROBLEM


def _carry_out(arguments: list[str]) -> int:
    command = _command_of(arguments)
    if isinstance(command, int):
        return command
    module = _module(command)
    args = _parser([module]).parse_args(arguments)
    from ventanilla.settings import load

    return module.run(args, load(args.config, os.environ))


def _command_of(arguments: list[str]) -> str | int:
    """Return the command's name, or the exit code when there is nothing to carry out."""
    names = command_names()
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        _parser([_module(name) for name in names]).print_help()
        return GOOD
    if first == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"ventanilla {version('ventanilla')}\n")
        return GOOD
    if first in names:
        return first
    _complain(_unknown(first, names))
    return WRONG_USE


def _unknown(first: str, names: Sequence[str]) -> str:
    every = ", ".join(names)
    if first in LATER:
        return f"ventanilla: `{first}` is not there yet; there are {every}"
    if not first:
        return f"ventanilla: which command? One of {every}"
    if first.startswith("--config"):
        return "ventanilla: --config FILE comes after the command, like `ventanilla run --config FILE`"
    near = get_close_matches(first, names, n=1)
    return f"ventanilla: no command {first!r}; " + (f"did you mean {near[0]}?" if near else f"there are {every}")


def command_names() -> tuple[str, ...]:
    """Return the names of all commands, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


def _module(name: str) -> Command:
    return cast(Command, import_module(f"{__name__}.{name}"))


def _parser(modules: Sequence[Command]) -> ArgumentParser:
    parser = _Parser(prog="ventanilla", description="The front door of a support desk.")
    commands = cast("Commands", parser.add_subparsers(dest="command", metavar="COMMAND", required=True))
    for module in modules:
        module.add(commands)
    for command in commands.choices.values():
        command.add_argument("--config", type=Path, metavar="FILE", help="settings that lie over the shipped ones")
    return parser


def _flush_every_line() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _complain(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(line + "\n")
