"""What bounds an answer and what becomes of one over a cap, as tables (DESIGN 9, Answers and caps)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from desk.base.names import Audience, Cap, Channel, OwedKind
from desk.base.shapes import shape_of
from desk.rules.caps import CAPPED, TOGETHER_FACTS, Fate, Place, fate_of, full, places, spans_of, together
from desk.rules.decision import Owed
from desk.wording.samples import SAMPLES

MEXICO = ZoneInfo("America/Mexico_City")
NOW = datetime(2026, 11, 24, 18, 20, 30, tzinfo=UTC)
"""12:20:30 in Mexico City."""
LIMITS: Mapping[Cap, int] = {
    Cap.PER_ADDRESS_PER_HOUR: 3,
    Cap.PER_ADDRESS_PER_DAY: 10,
    Cap.PER_INCIDENT_PER_DAY: 2,
    Cap.PER_MINUTE: 600,
}
NONE = dict.fromkeys(Cap, 0)
HOUR_END = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
DAY = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def owed(kind: OwedKind = OwedKind.ACKNOWLEDGEMENT, id_: int = 7, number: str = "INC-100425") -> Owed:
    facts = {**SAMPLES["acknowledgement"]["open"], "number": number, "promises": [id_ * 10]}
    return Owed(
        id=id_,
        incident=10042,
        kind=kind,
        channel=Channel.EMAIL,
        to="Ana@Cliente.mx",
        language="es",
        audience=Audience.USER,
        facts=facts,
        due_at=NOW,
        shape=shape_of(kind),
    )


def needed(one: Owed, limits: Mapping[Cap, int] = LIMITS, woken: datetime | None = None) -> dict[Cap | None, Place]:
    return {place.cap: place for place in places(one, limits, MEXICO, NOW, woken)}


def test_an_acknowledgement_needs_a_place_in_each_window_of_the_desks_clock() -> None:
    found = needed(owed())
    assert {cap: place.window for cap, place in found.items()} == {
        None: ("owed", "7", NOW),
        Cap.PER_ADDRESS_PER_HOUR: ("hour", "ana@cliente.mx", datetime(2026, 11, 24, 18, 0, tzinfo=UTC)),
        Cap.PER_ADDRESS_PER_DAY: ("day", "ana@cliente.mx", DAY),
        Cap.PER_INCIDENT_PER_DAY: ("incident", "10042", DAY),
        Cap.PER_MINUTE: ("all", "", datetime(2026, 11, 24, 18, 20, tzinfo=UTC)),
    }
    assert {place.until for cap, place in found.items() if cap not in (None, Cap.PER_MINUTE)} == {HOUR_END}


def test_a_status_answer_waits_for_the_end_of_the_very_window() -> None:
    found = needed(owed(OwedKind.STATUS))
    assert Cap.PER_INCIDENT_PER_DAY not in found
    assert found[Cap.PER_ADDRESS_PER_HOUR].until == HOUR_END
    assert found[Cap.PER_ADDRESS_PER_DAY].until == DAY + timedelta(days=1)


@pytest.mark.parametrize("kind", [kind for kind in OwedKind if kind not in CAPPED])
def test_nothing_else_is_bounded(kind: OwedKind) -> None:
    assert needed(owed(kind)) == {}


def test_a_cap_of_0_is_none() -> None:
    assert needed(owed(), NONE) == {}
    assert set(needed(owed(), {**NONE, Cap.PER_MINUTE: 1})) == {None, Cap.PER_MINUTE}


def test_what_waited_for_the_hours_end_has_its_place_and_one_mail_more_of_the_day() -> None:
    found = needed(owed(), woken=datetime(2026, 11, 24, 18, 0, tzinfo=UTC))
    assert set(found) == {None, Cap.PER_ADDRESS_PER_DAY, Cap.PER_MINUTE}
    assert found[Cap.PER_ADDRESS_PER_DAY].limit == LIMITS[Cap.PER_ADDRESS_PER_DAY] + 1


def test_what_waited_past_that_hour_needs_a_place_like_any_other() -> None:
    assert Cap.PER_ADDRESS_PER_HOUR in needed(owed(), woken=datetime(2026, 11, 24, 17, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("America/Mexico_City", (18, 0)), ("Asia/Kolkata", (17, 30)), ("Asia/Kathmandu", (18, 15))],
)
def test_an_hour_begins_on_the_desks_clock(zone: str, hour: tuple[int, int]) -> None:
    begun = spans_of(NOW, ZoneInfo(zone)).hour.start
    assert (begun.hour, begun.minute) == hour


def test_a_day_has_its_own_length_where_clocks_are_moved() -> None:
    day = spans_of(datetime(2026, 10, 25, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid")).day
    assert day.end - day.start == timedelta(hours=25)


def test_of_several_full_windows_the_one_that_is_longest_full_counts() -> None:
    wanted = places(owed(), LIMITS, MEXICO, NOW, None)
    counts = {place.window: place.limit for place in wanted if place.cap in (Cap.PER_MINUTE, Cap.PER_ADDRESS_PER_DAY)}
    missing = full(wanted, counts)
    assert missing is not None
    assert missing.cap is Cap.PER_ADDRESS_PER_DAY
    assert full(wanted, {}) is None


@pytest.mark.parametrize(
    ("kind", "cap", "has_waited", "fate"),
    [
        pytest.param(OwedKind.ACKNOWLEDGEMENT, None, False, Fate.GO, id="there is room"),
        pytest.param(OwedKind.ACKNOWLEDGEMENT, Cap.PER_ADDRESS_PER_HOUR, False, Fate.DELAY, id="hour"),
        pytest.param(OwedKind.ACKNOWLEDGEMENT, Cap.PER_ADDRESS_PER_DAY, False, Fate.DELAY, id="day"),
        pytest.param(OwedKind.ACKNOWLEDGEMENT, Cap.PER_INCIDENT_PER_DAY, False, Fate.DELAY, id="incident"),
        pytest.param(OwedKind.ACKNOWLEDGEMENT, Cap.PER_MINUTE, True, Fate.DELAY, id="a busy minute"),
        pytest.param(OwedKind.ACKNOWLEDGEMENT, Cap.PER_ADDRESS_PER_HOUR, True, Fate.DELAY, id="another hour"),
        pytest.param(
            OwedKind.ACKNOWLEDGEMENT, Cap.PER_ADDRESS_PER_DAY, True, Fate.HOLD, id="more than a day's and one"
        ),
        pytest.param(OwedKind.STATUS, Cap.PER_ADDRESS_PER_DAY, True, Fate.DELAY, id="a status answer is never held"),
    ],
)
def test_what_becomes_of_an_answer(kind: OwedKind, cap: Cap | None, has_waited: bool, fate: Fate) -> None:
    missing = None if cap is None else Place(("w", "", NOW), 1, HOUR_END, cap)
    assert fate_of(owed(kind), missing, NOW if has_waited else None) is fate


def test_one_mail_tells_all_numbers_and_times_and_all_their_promises() -> None:
    answers = [owed(id_=1, number="INC-100417"), owed(id_=2, number="INC-100425")]
    said = together(answers, answers[1], NOW)
    assert [one["number"] for one in said.facts["incidents"]] == ["INC-100417", "INC-100425"]
    assert all(set(one) == set(TOGETHER_FACTS) for one in said.facts["incidents"])
    assert said.facts["promises"] == [10, 20]
    assert (said.id, said.facts["number"], said.facts["at"]) == (2, "INC-100425", NOW.isoformat())
    assert set(SAMPLES["acknowledgements"]["three"]) <= set(said.facts)


def test_one_that_is_alone_stays_the_mail_it_was() -> None:
    one = owed()
    said = together([one], one, NOW)
    assert "template" not in said.facts
    assert {**said.facts, "at": one.facts["at"]} == one.facts
