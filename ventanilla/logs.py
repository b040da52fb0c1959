"""Log events: one line each on standard error, `{"event", "at", "level", …}` (CONTRACT 5).

Promises: fields bound by contextvars stand in every line; no value of a secret setting is written, no mail address and
nothing that an error quotes of a mail (`desk.base.discreet`), at any level; a log call never raises because its stream
is full or gone. Never: formats anything below the configured level, or keeps a line.
"""

import json
import logging
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from desk.base.clock import Clock
from desk.base.discreet import told_at_length, without_addresses

MASK = "***"
SECRET_MIN = 6
"""Shorter secrets are not sought in lines: they would blot out ordinary words."""
SECRET_FIELDS = frozenset({"password", "secret", "token", "key", "authorization", "pin", "auth_token", "client_secret"})
"""Fields whose value is never written, whoever logged it."""
LIBRARY_EVENT = "library_spoke"
OF_SETTINGS = frozenset({"settings_loaded"})
"""Events that say what the operator wrote into the configuration, the desk's own address among it, and nothing else."""


class Lines:
    """Writes a line a call. `lost` counts lines that the stream did not take: a full disk must not stop the desk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def msg(self, line: str) -> None:
        """Write one line and flush it."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1

    log = debug = info = warning = error = critical = exception = fatal = msg


def set_up(*, level: str, form: str, timezone: str, clock: Clock, stream: TextIO, secrets: Iterable[str] = ()) -> Lines:
    """Configure structlog and the libraries' logging for this process; return the writer, which counts lost lines.

    `level` and `form` are those of [log]; `secrets` are values that must never be written (`secret_values`).
    """
    lines = Lines(stream)
    structlog.configure(
        processors=_processors(form, ZoneInfo(timezone), clock, secrets),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    return lines


def _processors(form: str, zone: ZoneInfo, clock: Clock, secrets: Iterable[str]) -> list[Processor]:
    render = _json_line if form == "json" else _text_line
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.ExceptionRenderer(_error),
        _in_order(zone, clock),
        _masked(render, secrets),
    ]


def _error(exc_info: ExcInfo) -> str:
    return told_at_length(exc_info[1])


def _in_order(zone: ZoneInfo, clock: Clock) -> Processor:
    """Return the step that puts event, instant and level first and hides fields that are secret by name."""

    def order(_logger: WrappedLogger, level: str, fields: EventDict) -> EventDict:
        at = clock.now().astimezone(zone).isoformat(timespec="milliseconds")
        ordered = {"event": fields.pop("event", ""), "at": at, "level": level}
        ordered.update(fields)
        for name, value in fields.items():
            if isinstance(value, datetime):
                ordered[name] = value.astimezone(zone).isoformat(timespec="seconds")
        for name in SECRET_FIELDS & fields.keys():
            ordered[name] = MASK
        return ordered

    return order


def _masked(render: Any, secrets: Iterable[str]) -> Processor:
    """Return the last step: the line without addresses, every secret masked, in the form JSON gives it too."""
    forms = {form for secret in secrets if len(secret) >= SECRET_MIN for form in _forms(secret)}
    sought = sorted(forms, key=len, reverse=True)

    def last(_logger: WrappedLogger, _level: str, fields: EventDict) -> str:
        is_of_settings = fields["event"] in OF_SETTINGS
        line: str = render(fields)
        for secret in sought:
            if secret in line:
                line = line.replace(secret, MASK)
        if not is_of_settings:
            line = without_addresses(line)
        # A lone surrogate cannot be written as UTF-8; as an escape it is sound JSON too.
        return line if line.isascii() else line.encode("utf-8", "backslashreplace").decode()

    return last


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may stand in a line: plain, as JSON writes it, and as a login sent it, which a relay may say
    back (RFC 4954): in base64 behind anything."""
    yield secret
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    content = secret.encode()
    for before in range(3):
        encoded = b64encode(bytes(before) + content).decode()
        first = -(-before * 8 // 6)  # the first characters hold what stands before
        yield encoded[first : (before + len(content)) * 8 // 6]


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def _json_line(fields: EventDict) -> str:
    return _encode(fields)


def _text_line(fields: EventDict) -> str:
    event, at, level = fields.pop("event"), fields.pop("at"), fields.pop("level")
    more = " ".join(f"{name}={_encode(value)}" for name, value in fields.items())
    return f"{at} {level:<7} {event} {more}".rstrip()


class _LibraryHandler(logging.Handler):
    """What libraries say through `logging`, as events of ours: warnings and worse."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        text = record.getMessage().partition("\n")[0]  # asyncio's further lines show a task with what it was given
        say(LIBRARY_EVENT, library=record.name, text=text, exc_info=record.exc_info)
