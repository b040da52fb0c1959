"""Log events: one JSON line each, with instant and level, without secrets; a full disk stops nothing."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from ventanilla.logs import Lines, set_up

AT = datetime(2026, 11, 24, 17, 40, tzinfo=UTC)
CANARY = "canario-que-nadie-ve"


class Still:
    def now(self) -> datetime:
        return AT


@pytest.fixture(autouse=True)
def former() -> Iterator[None]:
    """Leave logging of the process as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.root.handlers[:], logging.root.level = handlers, level


def begin(stream: io.TextIOBase, *, level: str = "info", form: str = "json", secrets: tuple[str, ...] = ()) -> Lines:
    return set_up(
        level=level,
        form=form,
        timezone="America/Mexico_City",
        clock=Still(),
        stream=stream,  # type: ignore[arg-type]
        secrets=secrets,
    )


def test_an_event_is_one_json_line_in_the_zone_of_the_desk() -> None:
    stream = io.StringIO()
    begin(stream)
    structlog.get_logger().info("incident_opened", number="INC-100425", severity=2, due=AT, name="Íñigo\nx")
    assert json.loads(stream.getvalue()) == {
        "event": "incident_opened",
        "at": "2026-11-24T11:40:00.000-06:00",
        "level": "info",
        "number": "INC-100425",
        "severity": 2,
        "due": "2026-11-24T11:40:00-06:00",
        "name": "Íñigo\nx",
    }
    assert stream.getvalue().startswith('{"event":"incident_opened","at":"')
    assert stream.getvalue().count("\n") == 1


def test_what_the_context_knows_stands_in_every_line() -> None:
    stream = io.StringIO()
    begin(stream)
    with structlog.contextvars.bound_contextvars(arrival=7):
        structlog.get_logger().info("message_received")
    structlog.get_logger().info("message_received")
    assert ["arrival" in json.loads(line) for line in stream.getvalue().splitlines()] == [True, False]


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_nothing_below_the_level_is_written(level: str, expected: int) -> None:
    stream = io.StringIO()
    begin(stream, level=level)
    log = structlog.get_logger()
    for say in (log.debug, log.info, log.warning, log.error):
        say("message_received")
    assert stream.getvalue().count("\n") == expected


def test_a_secret_is_masked_wherever_it_stands_and_however_it_is_escaped() -> None:
    stream = io.StringIO()
    begin(stream, secrets=(CANARY, 'con "comillas"\\'))
    try:
        raise ValueError(f"login {CANARY} failed")
    except ValueError:
        structlog.get_logger().exception("delivery_failed", said=[f"x{CANARY}x", 'con "comillas"\\'], password="other")
    line = json.loads(stream.getvalue())
    assert CANARY not in stream.getvalue()
    assert "comillas" not in stream.getvalue()
    assert line["said"] == ["x***x", "***"]
    assert line["password"] == "***"
    assert "ValueError: login *** failed" in line["exception"]


def test_a_stream_that_takes_nothing_is_counted_and_raises_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    lines = begin(Full())
    structlog.get_logger().info("message_received")
    assert lines.lost == 1
    closed = io.StringIO()
    closed.close()
    lines = begin(closed)
    structlog.get_logger().info("message_received")
    assert lines.lost == 1


def test_a_lone_surrogate_is_written_as_sound_utf_8_and_json() -> None:
    raw = io.BytesIO()
    begin(io.TextIOWrapper(raw, encoding="utf-8", write_through=True))
    structlog.get_logger().info("message_received", subject="a\udc80ñ")
    assert json.loads(raw.getvalue().decode("utf-8"))["subject"] == "a\udc80ñ"


def test_text_is_one_line_for_people() -> None:
    stream = io.StringIO()
    begin(stream, form="text")
    structlog.get_logger().warning("delivery_deferred", attempt=3, reason="mailbox full\nx")
    expected = '2026-11-24T11:40:00.000-06:00 warning delivery_deferred attempt=3 reason="mailbox full\\nx"\n'
    assert stream.getvalue() == expected


def test_what_a_library_warns_of_is_an_event_too() -> None:
    stream = io.StringIO()
    begin(stream)
    logging.getLogger("aiosmtpd").info("no")
    logging.getLogger("aiosmtpd").warning("odd %s", "peer")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["library"], line["text"]) == (
        "library_spoke",
        "warning",
        "aiosmtpd",
        "odd peer",
    )
