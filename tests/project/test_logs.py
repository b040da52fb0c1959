"""Log events: one JSON line each, with instant and level, without secrets; a full disk stops nothing."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from desk.base.discreet import told
from ventanilla.__main__ import show_mistake
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
        raise ConnectionRefusedError(f"login {CANARY} failed")
    except OSError:
        structlog.get_logger().exception("delivery_failed", said=[f"x{CANARY}x", 'con "comillas"\\'], password="other")
    line = json.loads(stream.getvalue())
    assert CANARY not in stream.getvalue()
    assert "comillas" not in stream.getvalue()
    assert line["said"] == ["x***x", "***"]
    assert line["password"] == "***"
    assert "ConnectionRefusedError: login *** failed" in line["exception"]


@pytest.mark.parametrize("user", ["", "a", "an", "ana"])
def test_a_secret_is_masked_as_a_login_sends_it(user: str) -> None:
    stream = io.StringIO()
    begin(stream, secrets=(CANARY,))
    sent = base64.b64encode(f"\0{user}\0{CANARY}".encode()).decode()
    structlog.get_logger().info("relay_not_reached", cause=f"535 wrong: {sent}")
    said = json.loads(stream.getvalue())["cause"]
    assert "***" in said
    assert [at for at in range(len(sent) - 4) if sent[at : at + 8] in said and at > len(user) * 4 // 3 + 2] == []


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


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"could not read {CANARY!r}"),
        KeyError(CANARY),
        UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY),
        json.JSONDecodeError(CANARY, CANARY, 0),
        ExceptionGroup(CANARY, [ValueError(CANARY), LookupError(CANARY)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_error_quotes_is_not_written_but_its_class_place_and_chain_are(error: Exception) -> None:
    stream = io.StringIO()
    begin(stream, level="debug")
    try:
        try:
            raise error
        except Exception as first:
            raise RuntimeError(CANARY) from first
    except RuntimeError as second:
        structlog.get_logger().exception("act_failed", error=told(second))
        logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: <%r>", error)
    assert CANARY not in stream.getvalue()
    for line in map(json.loads, stream.getvalue().splitlines()):
        assert type(error).__name__ in line["exception"]
        assert line["exception"].endswith("\nRuntimeError")
        assert "raise RuntimeError(CANARY) from first" in line["exception"]


def test_no_address_is_written_but_what_the_operator_set() -> None:
    stream = io.StringIO()
    begin(stream)
    log = structlog.get_logger()
    log.info("relay_not_reached", cause="450 4.1.2 <ana.ruiz@cliente.mx>: rejected", of=["Ana <ana@cliente.mx>"])
    try:
        raise ConnectionError("no way to ana@cliente.mx")
    except ConnectionError:
        log.exception("delivery_failed")
    assert "ana" not in stream.getvalue()
    assert "cliente.mx" not in stream.getvalue()
    assert json.loads(stream.getvalue().splitlines()[0])["cause"] == "450 4.1.2 <***@***>: rejected"
    log.info("settings_loaded", given={"desk.address": "soporte@ejemplo.mx"})
    assert "soporte@ejemplo.mx" in stream.getvalue()


def test_a_mistake_that_ends_a_command_shows_where_it_is_and_quotes_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        show_mistake(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert CANARY not in shown
    assert shown.endswith("ValueError\n")
    assert "test_logs.py" in shown
