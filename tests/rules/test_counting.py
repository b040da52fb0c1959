"""How a promise is counted, said line by line in every language."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.base.errors import TemplateBroken
from desk.base.kinds import CLOSURE
from desk.base.languages import languages, load_toml
from desk.base.names import PromiseKind
from desk.rules.calendar import Calendar, ClosedReason
from desk.wording.counting import FILE, LINES_MAX, Counting, Mark

MEXICO = ZoneInfo("America/Mexico_City")
OFFICE = dict.fromkeys(range(5), ((540, 1140),))
SPLIT = dict.fromkeys(range(5), ((480, 840), (930, 1080)))
WINTER = tuple(CLOSURE.read(text) for text in ("2026-12-24 14:00/24:00 Nochebuena", "2026-12-28/2026-12-31 inventario"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MEXICO).astimezone(UTC)


def said(calendar: Calendar, start: str, minutes: int, *marks: Mark, language: str = "es") -> list[str]:
    return Counting(language, MEXICO).explained(calendar.explain(at(start), minutes), marks)


def test_a_weekend_and_a_holiday_are_told_between_the_minutes_that_count() -> None:
    desk = Calendar.of(MEXICO, OFFICE, "MX")
    ends = ((at("2026-11-17T10:40"), "first_attention"), (at("2026-11-17T16:40"), "resolution"))
    assert said(desk, "2026-11-13T18:40", 480, *ends) == [
        "vie 13 nov, 18:40–19:00: 20 min",
        "sáb 14 y dom 15 nov: cerrado",
        "lun 16 nov: día festivo (Día de la Revolución)",
        "mar 17 nov, 09:00–10:40: 100 min → primera atención",
        "mar 17 nov, 10:40–16:40: 360 min → solución",
    ]
    assert said(desk, "2026-11-13T18:40", 480, *ends, language="en") == [
        "Fri, Nov 13, 6:40 pm–7:00 pm: 20 min",
        "Sat, Nov 14 and Sun, Nov 15: closed",
        "Mon, Nov 16: public holiday (Día de la Revolución)",
        "Tue, Nov 17, 9:00 am–10:40 am: 100 min → first attention",
        "Tue, Nov 17, 10:40 am–4:40 pm: 360 min → solution",
    ]


def test_closures_are_told_with_their_reason_and_days_in_a_row_as_one_line() -> None:
    desk = Calendar.of(MEXICO, OFFICE, "MX", WINTER)
    assert said(desk, "2026-12-24T13:00", 90) == [
        "jue 24 dic, 13:00–14:00: 60 min, horario reducido (Nochebuena)",
        "vie 25 dic: día festivo (Navidad)",
        "sáb 26 y dom 27 dic: cerrado",
        "del lun 28 al jue 31 dic: sin servicio (inventario)",
        "vie 1 ene 2027: día festivo (Año Nuevo)",
        "sáb 2 y dom 3 ene 2027: cerrado",
        "lun 4 ene 2027, 09:00–09:30: 30 min",
    ]


def test_each_span_of_a_day_has_its_line_and_an_evening_is_told_as_over() -> None:
    assert said(Calendar.of(MEXICO, SPLIT), "2026-11-23T18:00", 400) == [
        "lun 23 nov: ya había terminado el horario",
        "mar 24 nov, 08:00–14:00: 360 min",
        "mar 24 nov, 15:30–16:10: 40 min",
    ]


def test_days_of_two_months_are_both_said_with_their_month() -> None:
    weekend = said(Calendar.of(MEXICO, OFFICE), "2026-10-30T18:59", 2)[1]
    assert weekend == "sáb 31 oct y dom 1 nov: cerrado"


def test_the_end_of_a_day_is_its_own_and_not_the_next_days() -> None:
    always = Calendar.of(MEXICO, dict.fromkeys(range(7), ((0, 1440),)))
    assert said(always, "2026-11-24T23:00", 90) == [
        "mar 24 nov, 23:00–24:00: 60 min",
        "mié 25 nov, 00:00–00:30: 30 min",
    ]


def test_two_promises_that_end_together_are_told_together() -> None:
    due = at("2026-11-24T11:00")
    lines = said(Calendar.of(MEXICO, OFFICE), "2026-11-24T10:00", 60, (due, "first_attention"), (due, "resolution"))
    assert lines == ["mar 24 nov, 10:00–11:00: 60 min → primera atención y solución"]


def test_the_name_of_a_closure_paints_nothing() -> None:
    wicked = (CLOSURE.read("2026-11-24 a\u202eb\u2028c"),)
    (first, _) = said(Calendar.of(MEXICO, OFFICE, "", wicked), "2026-11-24T10:00", 1)
    assert first.isprintable()
    assert "\u202e" not in first


def test_a_very_long_explanation_leaves_out_its_middle() -> None:
    desk = Calendar.of(MEXICO, OFFICE)
    lines = said(desk, "2026-01-05T09:00", 600 * 250, (desk.due(at("2026-01-05T09:00"), 600 * 250), "resolution"))
    assert len(lines) == LINES_MAX
    assert lines[LINES_MAX // 2] == "… (200 renglones más)"
    assert lines[0].startswith("lun 5 ene,")
    assert lines[-1].endswith("→ solución")


@pytest.mark.parametrize("language", languages())
def test_every_language_has_a_word_for_each_reason_and_promise(language: str) -> None:
    words = load_toml(language, FILE)
    assert set(words["reason"]) == {reason.value for reason in ClosedReason}
    assert set(words["promise"]) == {kind.value for kind in PromiseKind}
    assert {table: set(forms) for table, forms in words.items()} == {
        table: set(forms) for table, forms in load_toml("es", FILE).items()
    }


@pytest.mark.parametrize("language", languages())
def test_every_day_of_a_year_can_be_said_in_every_language(language: str) -> None:
    every = Calendar.of(MEXICO, dict.fromkeys(range(7), ((540, 541),)), "MX", WINTER)
    lines = said(every, "2026-01-01T09:00", 70, language=language)
    assert len(lines) > 70
    assert not [line for line in lines if "{" in line or "None" in line]


def test_a_file_of_the_operator_wins_and_a_broken_one_is_named(tmp_path: Path) -> None:
    own = tmp_path / "es"
    own.mkdir()
    ours = Path("templates/es/calendar.toml").read_text()
    (own / FILE).write_text(ours.replace('no_hours = "cerrado"', 'no_hours = "descanso"'))
    lines = Calendar.of(MEXICO, OFFICE).explain(at("2026-11-27T18:59"), 2)
    assert Counting("es", MEXICO, tmp_path).explained(lines)[1] == "sáb 28 y dom 29 nov: descanso"
    (own / FILE).write_text(ours.replace("{reason}", "{raeson}"))
    with pytest.raises(TemplateBroken, match=r"es/calendar\.toml: line\.closed"):
        Counting("es", MEXICO, tmp_path).explained(lines)


def test_what_a_terminal_shows_begins_with_the_times() -> None:
    due = at("2027-01-04T10:59")
    shown = list(Counting("es", MEXICO).told(at("2026-12-31T18:59"), [(due, "first_attention")], ["renglón"]))
    assert shown == [
        "Escrito           jue 31 dic, 18:59 (hora del centro de México)",
        "Primera atención  lun 4 ene 2027, 10:59",
        "",
        "Cómo se cuenta",
        "  renglón",
    ]
    assert date(2026, 12, 31).weekday() == 3
