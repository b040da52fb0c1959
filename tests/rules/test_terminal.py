"""What a terminal shows of incidents: words for everything, nothing that paints, lines as wide as asked."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.errors import TemplateBroken
from desk.base.languages import languages, load_toml
from desk.base.names import (
    Audience,
    Channel,
    ClosedBy,
    EventKind,
    OwedKind,
    OwedStatus,
    PromiseKind,
    PromiseStatus,
    Queue,
    Status,
)
from desk.wording.terminal import FILE, Terminal

ZONE = ZoneInfo("America/Mexico_City")
TABLES: dict[str, type[StrEnum]] = {
    "status": Status,
    "closed_by": ClosedBy,
    "queue": Queue,
    "channel": Channel,
    "audience": Audience,
    "promise": PromiseKind,
    "promise_status": PromiseStatus,
    "event": EventKind,
    "outgoing": OwedKind,
    "outgoing_status": OwedStatus,
}
LISTED = {
    "number": "INC-100425",
    "severity": 3,
    "status": "open",
    "queue": "operations",
    "due": datetime(2026, 11, 24, 20, tzinfo=UTC),
    "assigned": "raul@ejemplo.mx",
    "requester": "ana@cliente.mx",
    "subject": "Nadie puede timbrar desde las nueve de la mañana",
}
AT = "2026-11-24T12:00:00-06:00"
INCIDENT: dict[str, Any] = {
    "number": "INC-100425",
    "channel": "email",
    "status": "closed",
    "severity": 3,
    "severity_reasons": ["dice «nadie puede»"],
    "type": "",
    "queue": "operations",
    "language": "es",
    "requester": {"email": "ana@cliente.mx", "phone": "", "name": "Ana Ruiz"},
    "subject": "Nadie puede timbrar",
    "created_at": AT,
    "first_response_at": None,
    "resolved_at": None,
    "told_at": None,
    "closed_at": AT,
    "closed_by": "user",
    "cause": "Certificado vencido",
    "solution": "Se renovó\nel certificado",
    "assignments": [{"queue": "desk", "consultant": "laura@ejemplo.mx", "since": AT, "until": None}],
    "participants": ["ana@cliente.mx"],
    "mentions": [],
    "promises": [
        {"kind": "resolution", "made_at": AT, "due": AT, "told_at": None, "status": "running", "kept_at": None}
    ],
    "pauses": [{"from": AT, "until": None, "why": "asked"}],
    "messages": [
        {
            "at": AT,
            "direction": "in",
            "channel": "email",
            "audience": "user",
            "from": "ana@cliente.mx",
            "to": ["soporte@ejemplo.mx"],
            "subject": "Nadie puede timbrar",
            "text": "Hola.\n\nNadie puede timbrar.",
            "reply_text": "Nadie puede timbrar.\n\nGracias.",
            "message_id": "<m1@cliente.mx>",
            "attachments": [{"name": "pantalla.png", "type": "image/png", "size": 1200}],
        }
    ],
    "events": [
        {"kind": "opened", "at": AT, "by": "user", "text": "Nadie puede timbrar", "why": ""},
        {"kind": "promise_made", "at": AT, "by": "machine", "text": f"resolution: {AT}", "why": ""},
        {"kind": "noted", "at": AT, "by": "laura@ejemplo.mx", "text": "", "why": "signed_address"},
    ],
    "outgoing": [
        {"kind": "notice", "to": "raul@ejemplo.mx", "status": "sent", "attempts": 2, "due_at": AT, "sent_at": AT},
        {"kind": "notice", "to": "eva@ejemplo.mx", "status": "bounced", "attempts": 1, "due_at": AT, "sent_at": AT},
    ],
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("language", languages())
def test_every_language_has_a_word_for_everything_that_can_be_shown(language: str, table: str) -> None:
    assert set(load_toml(language, FILE)[table]) == {value.value for value in TABLES[table]}


def test_all_languages_have_the_same_words() -> None:
    first, *others = ({table: set(words) for table, words in load_toml(code, FILE).items()} for code in languages())
    assert all(first == other for other in others)


@pytest.mark.parametrize("language", languages())
def test_a_dossier_can_be_shown_in_every_language(language: str) -> None:
    shown = "\n".join(Terminal(language).dossier(INCIDENT))
    assert "INC-100425" in shown
    assert "{" not in shown


def test_a_dossier_reads_from_what_it_is_to_how_it_went() -> None:
    assert list(Terminal("es").dossier(INCIDENT)) == [
        "INC-100425 · severidad 3 · cerrado por el usuario · Operación",
        "Asunto        Nadie puede timbrar",
        "Solicitante   Ana Ruiz <ana@cliente.mx>",
        "Llegó por     correo",
        "Idioma        es",
        "Por qué       dice «nadie puede»",
        "Asignado a    Mesa: laura@ejemplo.mx",
        "Participan    ana@cliente.mx",
        "Abierto       2026-11-24 12:00",
        "Cerrado       2026-11-24 12:00",
        "Motivo        Certificado vencido",
        "Solución      Se renovó",
        "              el certificado",
        "",
        "Plazos",
        "  2026-11-24 12:00  solución · vigente · todavía no se le informa al usuario",
        "",
        "Pausas",
        "  2026-11-24 12:00  asked",
        "",
        "Conversación",
        "  2026-11-24 12:00  ana@cliente.mx → soporte@ejemplo.mx · con el usuario",
        "      Nadie puede timbrar.",
        "  ",
        "      Gracias.",
        "      adjunto: pantalla.png (image/png, 1200 bytes)",
        "",
        "Historia",
        "  2026-11-24 12:00  se abrió · el usuario · Nadie puede timbrar",
        "  2026-11-24 12:00  plazo fijado · el sistema · solución, 2026-11-24 12:00",
        "  2026-11-24 12:00  nota · laura@ejemplo.mx (signed_address)",
        "",
        "Avisos y respuestas",
        "  2026-11-24 12:00  aviso → raul@ejemplo.mx · enviado el 2026-11-24 12:00 · intentos: 2",
        "  2026-11-24 12:00  aviso → eva@ejemplo.mx · rebotó",
    ]


def test_a_line_of_the_list_is_as_wide_as_the_terminal() -> None:
    words = Terminal("es")
    heading, shown = words.headings(150), words.listed(LISTED, ZONE, 150)
    assert heading.split() == ["Número", "Sev", "Estado", "Área", "Vence", "Asignado", "a", "Solicitante", "Asunto"]
    assert len(shown) == 150
    assert shown.endswith("…")
    for column, value in (("Vence", "2026-11-24 14:00"), ("Asignado a", "raul@ejemplo.mx"), ("Estado", "abierto")):
        assert shown.index(value) == heading.index(column)


def test_what_nobody_has_and_nothing_is_due_of_is_a_dash() -> None:
    shown = Terminal("es").listed({**LISTED, "due": None, "assigned": ""}, ZONE, 150)
    assert shown.count("—") == 2


@pytest.mark.parametrize("paint", ["\x1b[2J\x1b]0;title\x07", "a\rb", "\u202eabc", "\x9b31m"])
def test_foreign_text_cannot_paint_on_the_screen(paint: str) -> None:
    said = {**INCIDENT["messages"][0], "reply_text": paint, "from": paint, "attachments": []}
    events = [{"kind": "opened", "at": AT, "by": "user", "text": paint, "why": paint}]
    odd = {**INCIDENT, "subject": paint, "cause": paint, "messages": [said], "events": events}
    shown = [*Terminal("es").dossier(odd), Terminal("es").listed({**LISTED, "subject": paint}, ZONE, 150)]
    assert [line for line in shown if not line.isprintable()] == []


def test_the_operators_words_lie_over_ours(tmp_path: Path) -> None:
    (tmp_path / "es").mkdir()
    shipped = load_toml("es", FILE)
    assert shipped["status"]["open"] == "abierto"
    (tmp_path / "es" / FILE).write_text('[phrase]\nempty = "Nada."\n', encoding="utf-8")
    assert Terminal("es", tmp_path).nothing() == "Nada."
    with pytest.raises(TemplateBroken, match=r"es/terminal\.toml: \[status\] has no open"):
        Terminal("es", tmp_path).word("status", "open")
    assert Terminal("en", tmp_path).nothing() == "There are no incidents."
