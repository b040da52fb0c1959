"""Why an incident is as it is: every sentence can be said, every code has its words, nothing untrue is claimed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.because import OTHER, TABLES, Because, Count, Part, Reason, Say, StoredReason, Word, because
from desk.base.errors import TemplateBroken
from desk.base.languages import folders, languages, load_toml
from desk.base.names import (
    BY_MACHINE,
    BY_USER,
    EventKind,
    HeldReason,
    OwedKind,
    OwedStatus,
    PromiseKind,
    Queue,
    QueueReason,
    Severity,
    ThreadBy,
    Verdict,
)
from desk.base.signs import Sign, SignFound, sign_of
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Target, Targets
from desk.rules.incident import Pause, Promise
from desk.rules.informing import ASKED, ONCE_AN_HOUR
from desk.rules.late import MAIL_WAITED
from desk.views.why.answers import answers
from desk.views.why.known import Act, Known
from desk.views.why.promises import Measure, promises
from desk.views.why.thread import thread
from desk.views.why.work import queue, severity
from desk.wording.why import FILE, Why
from desk.wording.wording import Wording

ZONE = ZoneInfo("America/Mexico_City")
ANA, LAURA, RAUL, EVA = "ana@cliente.mx", "laura@ejemplo.mx", "raul@ejemplo.mx", "eva@ejemplo.mx"
NOON = datetime(2026, 11, 24, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = NOON + HOUR
HOURS = dict.fromkeys(range(5), ((9 * 60, 19 * 60),))
CALENDAR = Calendar.of(ZONE, HOURS, "MX")
MEASURE = Measure(CALENDAR, Targets(Target(120, 480), {}, 240))
PERSON = Sign.PERSON.reason()


def event(kind: EventKind, *, by: str = BY_MACHINE, text: str = "", why: str = "", at: datetime = LATER) -> Any:
    return {"kind": kind.value, "at": at, "by": by, "text": text, "why": why}


def owed(kind: OwedKind, to: str = ANA, *, status: OwedStatus = OwedStatus.SENT, **more: Any) -> Any:
    is_sent = status in (OwedStatus.SENT, OwedStatus.BOUNCED)
    return {
        "kind": kind.value,
        "address": to,
        "audience": "user" if to == ANA else "internal",
        "facts": "{}",
        "status": status.value,
        "attempts": 1 if is_sent else 0,
        "message_id": "<1@ejemplo.mx>",
        "created_at": NOON,
        "not_before": NOON,
        "sent_at": NOON if is_sent else None,
        "last_reply": "",
        **more,
    }


def item(reason: HeldReason, *, verdict: Verdict | None = None) -> Any:
    return {"at": LATER, "reason": reason.value, "sender": "lista@otro.mx", "verdict": verdict}


def known(*acts: Any, opened: str = PERSON, **more: Any) -> Known:
    """An incident of Ana's with an opening by a mail of a sign, and an act for each further event."""
    incident = {
        "channel": "email",
        "severity": 1,
        "severity_reasons": "[]",
        "queue": "desk",
        "queue_reason": "severity_1",
        "thread_reason": "none",
        "mentions": "[]",
        "requester_email": ANA,
        "requester_name": "Ana Ruiz",
        "created_at": NOON,
        **more.pop("incident", {}),
    }
    people = ((1, LAURA, "Laura", Queue.DESK), (2, RAUL, "Raúl", Queue.OPERATIONS), (3, EVA, "", Queue.DEVELOPMENT))
    parts: dict[str, Any] = {
        "assignments": (), "promises": (), "pauses": (), "owed": (owed(OwedKind.ACKNOWLEDGEMENT),), "held": (),
        "copies": (),
    }  # fmt: skip
    return Known(
        incident=incident,
        consultants={one: {"id": one, "email": at, "name": name, "queue": queue} for one, at, name, queue in people},
        acts=[
            Act((event(EventKind.OPENED, by=BY_USER, why=opened, at=NOON),)),
            *(Act(one if isinstance(one, tuple) else (one,)) for one in acts),
        ],
        **{**parts, **more},
    )


def assignment(consultant: int, queue: Queue, until: datetime | None = None) -> Any:
    return {"queue": queue.value, "consultant_id": consultant, "since": NOON, "until": until}


def promise(id_: int = 1, kind: PromiseKind = PromiseKind.RESOLUTION, **more: Any) -> Promise:
    return Promise(**{"id": id_, "kind": kind, "made_at": NOON, "due": CALENDAR.due(NOON, 480), **more})


def parts_of(one: Known, now: datetime = LATER, measure: Measure = MEASURE) -> Iterator[Reason]:
    yield from severity(one)
    yield from queue(one)
    yield from thread(one)
    yield from promises(one, measure, now)
    yield from answers(one, now)


def says_of(one: Known, now: datetime = LATER, measure: Measure = MEASURE) -> list[Say]:
    return [reason.say for reason in parts_of(one, now, measure) if isinstance(reason, Because)]


OUTAGE = known(
    event(EventKind.REGRADED, by=LAURA, text="2 → 3"),
    event(EventKind.HANDED_OVER, text="development"),
    incident={
        "severity": 3,
        "severity_reasons": '["Afecta a todos: «nadie»."]',
        "queue": "operations",
        "queue_reason": "severity_3",
    },
    assignments=(assignment(1, Queue.DESK), assignment(2, Queue.OPERATIONS), assignment(1, Queue.OPERATIONS, LATER)),
    owed=(owed(OwedKind.ACKNOWLEDGEMENT), owed(OwedKind.NOTICE, RAUL), owed(OwedKind.NOTICE, EVA)),
)
ADDED = event(EventKind.ADDED, by=BY_USER, text=ANA, why="signed_address")
THREAD = known(
    (event(EventKind.ADDED, by=BY_USER, text=ANA, why="same_message_id"), event(EventKind.FLAGGED, text=ANA)),
    ADDED,
    event(EventKind.NOTED, by=LAURA, why="signed_address"),
    event(EventKind.AUTOMATIC, by=ANA, why="Auto-Submitted: auto-replied"),
    (event(EventKind.BOUNCED, text=f"{ANA} 5.1.1", why="no such user"), event(EventKind.BOUNCED, text="eva@otro.mx")),
    event(EventKind.BOUNCED, why="X-Failed-Recipients"),
    held=(
        item(HeldReason.FORGED_ADDRESS),
        item(HeldReason.REUSED_ID),
        item(HeldReason.LIST, verdict=Verdict.RELEASED),
        item(HeldReason.OWN_MAIL, verdict=Verdict.DISCARDED),
        item(HeldReason.LOOP, verdict=Verdict.ERASED),
    ),
    copies=(LATER,),
)
TOLD = replace(
    known(),
    owed=(owed(OwedKind.ACKNOWLEDGEMENT, facts='{"promises":[1,2]}'),),
    promises=(promise(1, told_at=NOON), promise(2, PromiseKind.FIRST_ATTENTION, due=CALENDAR.due(NOON, 120))),
)
PROMISED = {
    "told, and not yet": TOLD,
    "told otherwise": known(promises=(promise(told_at=NOON),)),
    "about to be told": replace(
        known(promises=(promise(),)),
        owed=(owed(OwedKind.ACKNOWLEDGEMENT, status=OwedStatus.QUEUED, facts='{"promises":[1]}'),),
    ),
    "kept": known(promises=(promise(kept_at=LATER),)),
    "kept late": known(promises=(promise(kept_at=NOON + 72 * HOUR, broken_at=NOON + 24 * HOUR),)),
    "broken": known(promises=(promise(broken_at=NOON + 24 * HOUR),)),
    "revised": known(promises=(promise(1, replaced_by=2), promise(2, made_at=LATER, due=CALENDAR.due(NOON, 720)))),
    "revised late": known(
        event(EventKind.PROMISE_REVISED, text=f"resolution: {CALENDAR.due(NOON, 720).isoformat()}", why=MAIL_WAITED),
        promises=(promise(1, replaced_by=2), promise(2, made_at=LATER, due=CALENDAR.due(NOON, 720))),
    ),
    "regraded": known(promises=(promise(1, replaced_by=2, regraded=True), promise(2, made_at=LATER))),
    "cancelled": known(promises=(promise(cancelled_at=LATER),)),
    "paused": known(promises=(promise(),), pauses=(Pause(1, NOON, LATER, "asked"), Pause(2, LATER, None, "asked"))),
    "counted otherwise": known(promises=(promise(due=NOON + 5 * HOUR),)),
    "beyond the calendar": known(promises=(promise(made_at=datetime(2999, 1, 4, tzinfo=UTC)),)),
}
OWED = known(
    owed=(
        *(owed(OwedKind.NOTICE, RAUL, status=status) for status in OwedStatus),
        owed(OwedKind.NOTICE, RAUL, status=OwedStatus.QUEUED, attempts=2, last_reply="451 later"),
        owed(OwedKind.STATUS, status=OwedStatus.QUEUED, not_before=LATER + HOUR),
        owed(OwedKind.ACKNOWLEDGEMENT),
    )
)
OPENED = {
    "call": known(incident={"channel": "phone", "thread_reason": ""}),
    "machine": known(opened="Precedence: bulk", owed=()),
    "unreadable": known(opened="reader_killed", owed=()),
    "nobody": known(owed=(), incident={"requester_email": "nobody"}),
}
ASKING = (ADDED, event(EventKind.STATUS_SENT, why=ASKED))
ASKING_AGAIN = (ADDED, event(EventKind.STATUS_SENT, why=ONCE_AN_HOUR, text=(LATER + HOUR).isoformat()))
ALL = {"asked": known(ASKING, ASKING_AGAIN), "outage": OUTAGE, "thread": THREAD, "owed": OWED, **PROMISED, **OPENED}


def words(language: str, override: Path | None = None) -> Why:
    return Why(Wording(language, ZONE, override).speech(language), ZONE, override)


def said(one: Reason, language: str = "es", now: datetime = LATER) -> str:
    (sentence,) = words(language).sentences([one], now)
    return sentence


def test_every_sentence_is_said_of_some_incident() -> None:
    assert {say for one in ALL.values() for say in says_of(one)} == set(Say)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("language", languages())
def test_everything_that_is_said_can_be_said_in_every_language(language: str, name: str) -> None:
    sentences = words(language).sentences(list(parts_of(ALL[name])), LATER)
    assert all(sentence and sentence[0].strip() for sentence in sentences)
    assert [sentence for sentence in sentences if set(sentence) & set("{}\n") or "None" in sentence] == []


@pytest.mark.parametrize("language", languages())
def test_every_language_has_exactly_the_sentences_and_headings(language: str) -> None:
    table = load_toml(language, FILE)
    assert set(table["say"]) == set(Say)
    assert set(table["heading"]) == set(Part)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("language", languages())
def test_every_code_has_its_word_in_every_language(language: str, table: str) -> None:
    assert set(load_toml(language, FILE)[table]) == TABLES[table] | {OTHER}


def test_the_tables_hold_the_closed_sets_of_the_house() -> None:
    assert TABLES["joined_by"] == TABLES["opened_alone"] == TABLES["opened_beside"] == set(ThreadBy)
    assert TABLES["held"] == set(HeldReason)
    assert TABLES["mail"] == set(OwedKind)
    assert TABLES["sign"] == {sign.name.lower() for sign in Sign}
    assert set(QueueReason) == {f"severity_{grade.value}" for grade in Severity}


@pytest.mark.parametrize("sign", Sign)
@pytest.mark.parametrize("language", languages())
def test_every_sign_of_a_mail_is_said_with_what_the_mail_has_there(language: str, sign: Sign) -> None:
    reason = sign.reason("X-Robot", "algo") if sign is Sign.HEADER else sign.reason("algo")
    sentence = said(because(Say.WRITTEN_BY_MACHINE, sign=sign_of(reason)), language)
    assert sentence.endswith(".")
    assert ("algo" in sentence) == ("{" in sign.value)
    assert sign_of(reason).sign is sign


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("table", TABLES)
def test_a_code_of_another_version_is_said_as_it_stands(language: str, table: str) -> None:
    word = because(Say.QUEUE_REASON, reason=Word(table, "novel", {"numbers": "INC-100425", "found": "novel"}))
    assert "novel" in said(word, language).lower()


def test_a_reason_of_another_version_is_quoted() -> None:
    assert sign_of("why not") == SignFound(None, "why not")
    assert "«why not»" in said(because(Say.WRITTEN_BY_MACHINE, sign=sign_of("why not")))


def test_a_reason_is_said_in_the_language_asked_for_whatever_that_of_the_mail_was() -> None:
    reasons = {code: load_toml(code, "triage.toml")["reasons"]["everybody"] for code in ("es", "en")}
    for stored in reasons.values():
        for language, sentence in reasons.items():
            told = said(because(Say.REASON, reason=StoredReason(f"{stored}: «nadie».")), language)
            assert told == f"{sentence}: «nadie»."
            assert said(because(Say.REASON, reason=StoredReason(f"{stored}.")), language) == f"{sentence}."


def test_a_language_that_grades_nothing_says_a_reason_as_it_stands(tmp_path: Path) -> None:
    copytree(folders() / "en", tmp_path / "fr")
    (tmp_path / "fr" / "triage.toml").unlink()
    own = Why(Wording("fr", ZONE, tmp_path).speech("fr"), ZONE, tmp_path)
    stored = because(Say.REASON, reason=StoredReason("Afecta a todos: «nadie»."))
    assert own.sentences([stored], LATER) == ["Afecta a todos: «nadie»."]


def test_a_reason_that_is_no_sentence_of_triage_is_said_as_it_stands_and_a_bare_word_in_words() -> None:
    assert said(because(Say.REASON, reason=StoredReason("dice «lento»"))) == "Dice «lento»"
    assert "no se pudo leer" in said(because(Say.REASON, reason=StoredReason("unreadable"))).lower()


def test_an_instant_is_said_with_its_day_seen_from_the_day_of_the_question() -> None:
    kept = because(Say.KEPT, at=NOON)
    assert said(kept) == "Se cumplió hoy, martes 24 de noviembre, a las 12:00."
    assert said(kept, now=NOON + 48 * HOUR) == "Se cumplió el martes 24 de noviembre a las 12:00."
    assert said(kept, now=NOON + 9000 * HOUR) == "Se cumplió el martes 24 de noviembre de 2026 a las 12:00."


@pytest.mark.parametrize(("minutes", "words_"), [(120, "2 h"), (45, "45 min"), (150, "2 h 30 min"), (0, "0 min")])
def test_support_time_is_said_in_hours_and_minutes(minutes: int, words_: str) -> None:
    counted = because(Say.COUNTED, severity=1, span=timedelta(minutes=minutes), made_at=NOON)
    assert f" {words_} de servicio" in said(counted)


def test_a_promise_is_its_time_its_length_its_count_how_it_stands_and_who_was_told() -> None:
    told = list(promises(TOLD, MEASURE, LATER))
    assert [one.say if isinstance(one, Because) else Count for one in told] == [
        Say.PROMISED, Say.COUNTED, Count, Say.RUNNING, Say.TOLD,
        Say.PROMISED, Say.COUNTED, Count, Say.RUNNING, Say.UNTOLD,
    ]  # fmt: skip
    assert words("es").sentences(told, LATER)[:6] == [
        "Solución: mañana, miércoles 25 de noviembre, antes de las 10:00.",
        "Para la severidad 1 son 8 h de servicio, contadas desde que llegó el mensaje: "
        "hoy, martes 24 de noviembre, a las 12:00.",
        "mar 24 nov, 12:00–19:00: 420 min",
        "mié 25 nov, 09:00–10:00: 60 min → solución",
        "Está vigente.",
        "Se le dijo al usuario hoy, martes 24 de noviembre, a las 12:00, en el acuse para ana@cliente.mx.",
    ]


@pytest.mark.parametrize("name", ["counted otherwise", "beyond the calendar"])
def test_a_promise_the_settings_of_now_do_not_lead_to_is_said_so_and_not_counted(name: str) -> None:
    told = list(promises(PROMISED[name], MEASURE, LATER))
    assert isinstance(told[1], Because)
    assert told[1].say in (Say.SETTINGS_CHANGED, Say.SETTINGS_LOST)
    assert not any(isinstance(one, Count) for one in told)


def test_a_promise_of_an_earlier_grade_is_counted_by_the_target_of_that_grade() -> None:
    targets = Targets(Target(120, 480), {Severity.OUTAGE: Target(60, 240)}, 240)
    one = known(promises=(promise(),), incident={"severity": 3})
    counted = [
        told.values["severity"]
        for told in promises(one, Measure(CALENDAR, targets), LATER)
        if isinstance(told, Because) and told.say is Say.COUNTED
    ]
    assert counted == [1]


def test_the_count_of_every_promise_ends_at_its_time() -> None:
    for one in PROMISED.values():
        told = list(promises(one, MEASURE, LATER))
        for before, count in pairwise(told):
            if isinstance(count, Count) and isinstance(before, Because):
                assert count.lines[-1].closes == count.due
                assert sum(line.minutes for line in count.lines) * 60 == before.values["span"].total_seconds()


def test_a_bounce_of_two_addresses_is_one_mail_without_an_answer() -> None:
    assert says_of(THREAD).count(Say.UNANSWERED_BOUNCE) == 2
    assert says_of(THREAD).count(Say.BOUNCED) == 2


@pytest.mark.parametrize("act", [ASKING, ASKING_AGAIN, (ADDED, event(EventKind.REOPENED))])
def test_words_that_were_answered_are_not_said_to_have_had_no_answer(act: tuple[Any, ...]) -> None:
    assert Say.UNANSWERED_FOLLOW_UP in says_of(known((ADDED,)))
    assert Say.UNANSWERED_FOLLOW_UP not in says_of(known(act))


def test_a_question_how_things_stand_says_whether_it_is_answered_now_or_at_the_hours_end() -> None:
    sentences = words("es").sentences(list(answers(known(ASKING, ASKING_AGAIN), LATER)), LATER)
    now, later = (sentence for sentence in sentences if "preguntaba cómo va" in sentence)
    assert now.endswith("se contesta de inmediato con lo que hay anotado.")
    assert later.endswith("la respuesta va al terminar la hora: hoy, martes 24 de noviembre, a las 14:00.")


def test_who_of_development_was_told_before_it_was_theirs_is_named_once() -> None:
    notices = tuple(owed(OwedKind.NOTICE, EVA, created_at=NOON + hours * HOUR) for hours in (0, 1, 5))
    assert says_of(replace(OUTAGE, owed=notices)).count(Say.FOREWARNED) == 1
    theirs = {**assignment(3, Queue.DEVELOPMENT), "since": NOON}
    assert Say.FOREWARNED not in says_of(replace(OUTAGE, owed=notices, assignments=(theirs,)))


def test_what_an_opening_names_is_said_by_number() -> None:
    one = known(incident={"thread_reason": "number", "mentions": json.dumps([10042])})
    sentences = words("es").sentences(list(thread(one)), LATER)
    assert sentences[0].startswith("El primer mensaje abrió un incidente nuevo: nombra INC-10042")


@pytest.mark.parametrize("paint", ["\x1b[2J\x1b]0;title\x07", "a\rb", "\u202eabc", "\x9b31m", "{0}{at}", "x" * 10_000])
def test_foreign_text_cannot_paint_break_a_line_or_fill_the_screen(paint: str) -> None:
    strangers = known(
        event(EventKind.ADDED, by=BY_USER, text=paint, why=paint),
        event(EventKind.AUTOMATIC, by=paint, why=f"Subject: {paint}"),
        event(EventKind.BOUNCED, text=paint, why=paint),
        opened=paint,
        incident={"requester_name": paint, "severity_reasons": json.dumps([paint]), "queue_reason": paint},
        owed=(owed(OwedKind.NOTICE, RAUL, status=OwedStatus.REFUSED, last_reply=paint, message_id=paint),),
    )
    sentences = words("es").sentences(list(parts_of(strangers)), LATER)
    assert [sentence for sentence in sentences if not sentence.isprintable()] == []
    assert max(map(len, sentences)) < 1_000


def test_the_readable_answer_has_a_heading_a_part() -> None:
    shown = list(words("es").text("INC-100425", {Part.SEVERITY: ["Tiene severidad 1."], Part.ANSWERS: []}))
    assert shown == ["INC-100425", "", "Severidad", "  Tiene severidad 1.", "", "Respuestas y avisos"]


def test_the_operators_words_lie_over_ours_and_what_they_lack_is_told(tmp_path: Path) -> None:
    (tmp_path / "es").mkdir()
    (tmp_path / "es" / FILE).write_text('[say]\nrunning = "Corre."\nkept = "{nobody}"\n', encoding="utf-8")
    own = words("es", tmp_path)
    assert own.sentences([because(Say.RUNNING)], LATER) == ["Corre."]
    with pytest.raises(TemplateBroken, match=r"es/why\.toml: \[say\] has no broken"):
        own.sentences([because(Say.BROKEN)], LATER)
    with pytest.raises(TemplateBroken, match=r"es/why\.toml: say\.kept: KeyError\('nobody'\)"):
        own.sentences([because(Say.KEPT, at=NOON)], LATER)
