"""The mutants of DESIGN 1: for each guarantee decisions changed one at a time, and the test that must fail for each.

A mutant is a mistake that somebody could make and that a plain mail would never show: the test "a mail is answered"
stays green with every one of them.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pytest import MonkeyPatch  # noqa: PT013 - a type only

import intake.email.ingest
import intake.email.reading.automatic
import intake.email.reading.headers
import intake.email.reading.read
import responders.mail.carrier
from board.status_page import StatusPage
from desk import commit
from desk.base.errors import VentanillaError
from desk.base.message import Delivery
from desk.caps import Caps
from desk.claims import Claims
from desk.ledger import save
from desk.ledger.save import Change
from desk.ledger.statements import Run, Steps
from desk.rules import acknowledgement, deadlines, informing, opening, reception
from desk.rules.addresses import Signer
from desk.rules.calendar import Calendar
from desk.rules.decision import Event
from desk.rules.mail import MailFacts
from desk.views.why import answers, promises
from intake.email.ingest import Ingest
from intake.email.reading.headers import identity

STORIES = "tests/stories/"
PLAIN = f"{STORIES}test_mail_answered.py::test_a_mail_is_answered[sqlite]"


@dataclass(frozen=True)
class Mutant:
    """A mistake: the guarantee of DESIGN 1 it breaks, the patch that makes it, the test that must fail."""

    guarantee: int
    breaks: Callable[[MonkeyPatch], None]
    seen_by: str


def told_250_before_the_commit(patch: MonkeyPatch) -> None:
    """The listener hands a mail on to be stored, and does not wait."""
    accept = Ingest.accept
    going: set[asyncio.Task[None]] = set()

    async def later(self: Ingest, delivery: Delivery) -> None:
        going.add(asyncio.create_task(_quietly(accept(self, delivery))))

    patch.setattr(Ingest, "accept", later)


async def _quietly(storing: Any) -> None:
    try:
        await storing
    except VentanillaError:
        return


def a_lost_reply_is_a_lost_commit(patch: MonkeyPatch) -> None:
    """A commit whose reply was not heard is taken for one that never was: nobody looks for what it left."""

    async def nothing(_self: Claims) -> None:
        return

    patch.setattr(Claims, "recover", nothing)


def received_lines_make_another_mail(patch: MonkeyPatch) -> None:
    """The way a mail came counts among what names it."""

    def with_the_way(headers: Any, known_id: str, sender: str) -> bytes:
        return identity(headers, known_id, sender) + headers.first("received")

    patch.setattr(intake.email.reading.headers, "identity", with_the_way)
    patch.setattr(intake.email.reading.read, "identity", with_the_way)


def without_message_id_every_mail_is_new(patch: MonkeyPatch) -> None:
    """A mail that has no Message-ID is given one of its own, as some gateways do."""
    serial = count(1)

    def made_up(headers: Any, known_id: str, sender: str) -> bytes:
        return identity(headers, known_id or f"<{next(serial)}@made.up>", sender)

    patch.setattr(intake.email.reading.headers, "identity", made_up)
    patch.setattr(intake.email.reading.read, "identity", made_up)


def the_sender_does_not_name_a_mail(patch: MonkeyPatch) -> None:
    """Message-ID and text alone say that a mail is the same: anybody can make another's mail vanish."""

    def nameless(headers: Any, known_id: str, _sender: str) -> bytes:
        return identity(headers, known_id, "")

    patch.setattr(intake.email.reading.headers, "identity", nameless)
    patch.setattr(intake.email.reading.read, "identity", nameless)


def each_attempt_is_a_mail_of_its_own(patch: MonkeyPatch) -> None:
    """A Message-ID is made when a mail is composed, not when it becomes owed."""
    compose, serial = responders.mail.carrier.compose, count(1)

    def anew(owed: Any, *others: Any) -> Any:
        return compose(replace(owed, message_id=f"<{next(serial)}.again@ejemplo.mx>"), *others)

    patch.setattr(responders.mail.carrier, "compose", anew)


def the_answer_in_a_second_commit(patch: MonkeyPatch) -> None:
    """The incident is written first, and what it owes afterwards."""
    write = commit.Commit.write

    async def twice(self: commit.Commit, change: Change) -> bool:
        owed = tuple(row for row in change.rows if row[0] == "owed")
        rest = tuple(row for row in change.rows if row[0] != "owed")
        if not owed or not rest:
            return await write(self, change)
        return await write(self, replace(change, rows=rest)) and await write(self, Change(owed))

    patch.setattr(commit.Commit, "write", twice)


def a_header_does_not_make_a_machine(patch: MonkeyPatch) -> None:
    """Auto-Submitted, Precedence and their kind are not looked at."""
    patch.setattr(intake.email.reading.automatic, "_by_headers", lambda _headers: None)


def the_null_sender_is_a_person(patch: MonkeyPatch) -> None:
    """A mail with the null sender is answered at its From."""
    patch.setattr(intake.email.reading.automatic, "_by_envelope", lambda _headers, _envelope_from: None)


def a_machine_in_a_thread_is_its_user(patch: MonkeyPatch) -> None:
    """An absence note to our answer is taken for the user's further words."""
    machine = reception.Way.MACHINE_JOINS
    way_of = reception.way_of

    def trusting(facts: MailFacts) -> reception.Way:
        way = way_of(facts)
        return reception.Way.JOINS if way is machine else way

    patch.setattr(reception, "way_of", trusting)


def every_question_is_answered_at_once(patch: MonkeyPatch) -> None:
    """«¿Cómo va?» is answered as often as it is asked."""
    patch.setattr(informing, "_slot", lambda _facts, now: informing._Slot(now))


def every_hour_is_a_working_hour(patch: MonkeyPatch) -> None:
    """Promises count the hours of the clock."""
    patch.setattr(Calendar, "due", lambda _self, start, minutes: start + timedelta(minutes=minutes))


def what_is_told_is_not_what_is_judged(patch: MonkeyPatch) -> None:
    """The time told for the resolution is an hour after the promise in the ledger."""
    facts_of = acknowledgement._facts

    def later(facts: MailFacts, incident: Any, now: datetime) -> dict[str, Any]:
        told = facts_of(facts, incident, now)
        due = datetime.fromisoformat(str(told["resolution"])) + timedelta(hours=1)
        return {**told, "resolution": due.isoformat()}

    patch.setattr(acknowledgement, "_facts", later)


def nobody_watches_the_clock(patch: MonkeyPatch) -> None:
    """An incident is never woken."""
    for module in (deadlines, opening):
        patch.setattr(module, "wake_at", lambda _incident: None)


def a_broken_promise_is_not_marked(patch: MonkeyPatch) -> None:
    """That a promise passed is noted on the timeline, and not on the promise."""
    fall_due = deadlines.fall_due

    def unmarked(incident: Any, now: datetime) -> Any:
        decision = fall_due(incident, now)
        changes = tuple(
            replace(change, after=replace(change.after, promises=incident.promises, wake_at=incident.wake_at))
            for change in decision.incidents
        )
        return replace(decision, incidents=changes)

    patch.setattr(deadlines, "fall_due", unmarked)


def a_mail_is_kept_as_text(patch: MonkeyPatch) -> None:
    """What cannot be decoded is replaced before a mail is kept."""
    accept = Ingest.accept

    async def as_text(self: Ingest, delivery: Delivery) -> None:
        await accept(self, replace(delivery, raw=delivery.raw.decode("utf-8", "replace").encode()))

    patch.setattr(Ingest, "accept", as_text)


def line_ends_are_tidied(patch: MonkeyPatch) -> None:
    """Spaces at line ends are taken away before a mail is kept."""
    accept = Ingest.accept

    async def tidy(self: Ingest, delivery: Delivery) -> None:
        lines = [line.rstrip(b" \t") for line in delivery.raw.split(b"\r\n")]
        await accept(self, replace(delivery, raw=b"\r\n".join(lines)))

    patch.setattr(Ingest, "accept", tidy)


def whoever_looks_is_counted(patch: MonkeyPatch) -> None:
    """A look at the status page raises the incident's version."""
    look = StatusPage._look

    async def counting(self: StatusPage, token: str, now: datetime) -> Any:
        await self._read.__self__.write(_one_version_more())  # type: ignore[attr-defined] # the store it reads
        return await look(self, token, now)

    patch.setattr(StatusPage, "_look", counting)


def _one_version_more() -> Steps[None]:
    yield Run("UPDATE incidents SET version = version + 1")


def every_signature_is_right(patch: MonkeyPatch) -> None:
    """What has our form was made by us."""
    patch.setattr(Signer, "_is_mac", lambda _self, _mac, _facts: True)


def an_event_forgets_its_reason(patch: MonkeyPatch) -> None:
    """What happened is kept, why is not."""
    events = save._events

    def without_why(those: Iterable[Event], versions: dict[int, int]) -> Any:
        return events([replace(event, why="") for event in those], versions)

    patch.setattr(save, "_events", without_why)


def the_present_settings_explain_everything(patch: MonkeyPatch) -> None:
    """A promise is explained by the count of now, whatever it was counted by."""
    counted = promises._from_the_opening

    def by_now(known: Any, promise: Any, measure: promises.Measure) -> Any:
        minutes = measure.targets.default.minutes(promise.kind)
        return counted(known, replace(promise, due=measure.calendar.due(promise.made_at, minutes)), measure)

    patch.setattr(promises, "_from_the_opening", by_now)


def silence_needs_no_reason(patch: MonkeyPatch) -> None:
    """Only what was said is explained."""
    patch.setattr(answers, "_unanswered", lambda _known: iter(()))


def caps_are_not_judged(patch: MonkeyPatch) -> None:
    """Whatever is owed goes out at once, however much an address was sent."""

    async def admit(_self: Caps, waiting: Any) -> Any:
        return waiting

    patch.setattr(Caps, "admit", admit)


class _Unknown(Exception):
    """Nothing raises this."""


def a_dead_reader_is_an_act_that_failed(patch: MonkeyPatch) -> None:
    """A mail whose reader died is no case of its own."""
    patch.setattr(intake.email.ingest, "ReaderFailed", _Unknown)


def a_batch_fails_together(patch: MonkeyPatch) -> None:
    """When a batch is refused nobody looks for the row that was wrong."""

    async def fail_all(_self: commit.Commit, batch: Any) -> None:
        commit._fail(batch, ValueError("one of them"))

    patch.setattr(commit.Commit, "_isolate", fail_all)


MUTANTS: Mapping[str, Mutant] = {
    breaks.__name__: Mutant(guarantee, breaks, seen_by)
    for guarantee, breaks, seen_by in (
        (
            1,
            told_250_before_the_commit,
            f"{STORIES}test_store_away.py::test_a_mail_that_cannot_be_stored_is_refused_for_now",
        ),
        (
            1,
            a_lost_reply_is_a_lost_commit,
            f"{STORIES}test_store_away.py::test_an_arrival_whose_commit_was_not_heard_of_is_answered_once[sqlite]",
        ),
        (
            2,
            received_lines_make_another_mail,
            f"{STORIES}test_same_mail.py::test_the_same_mail_ten_times_at_once_is_one_incident_and_one_answer[sqlite]",
        ),
        (
            2,
            without_message_id_every_mail_is_new,
            f"{STORIES}test_same_mail.py::test_the_same_mail_twice_without_message_id_is_one_incident[sqlite]",
        ),
        (
            2,
            the_sender_does_not_name_a_mail,
            f"{STORIES}test_same_mail.py"
            "::test_the_same_message_id_and_text_from_another_sender_is_its_own_incident[sqlite]",
        ),
        (
            2,
            each_attempt_is_a_mail_of_its_own,
            f"{STORIES}test_way_out.py"
            "::test_an_answer_refused_for_now_goes_again_at_set_times_with_the_same_bytes[sqlite]",
        ),
        (
            3,
            the_answer_in_a_second_commit,
            f"{STORIES}test_one_commit.py"
            "::test_an_incident_whose_answer_cannot_be_written_is_not_written_either[sqlite]",
        ),
        (
            4,
            a_header_does_not_make_a_machine,
            f"{STORIES}test_machines.py::test_an_alarm_of_a_machine_is_an_incident_without_answer[sqlite-auto-generated]",
        ),
        (
            4,
            the_null_sender_is_a_person,
            f"{STORIES}test_machines.py::test_a_mail_with_the_null_sender_is_never_answered[sqlite]",
        ),
        (
            4,
            a_machine_in_a_thread_is_its_user,
            f"{STORIES}test_machines.py"
            "::test_an_absence_note_to_our_answer_is_an_event_and_is_not_answered[sqlite-by-header]",
        ),
        (
            4,
            every_question_is_answered_at_once,
            f"{STORIES}test_status.py::test_later_questions_of_an_hour_get_one_answer_at_its_end[sqlite]",
        ),
        (
            4,
            caps_are_not_judged,
            f"{STORIES}test_loops.py::test_a_program_that_answers_every_answer_comes_to_an_end[sqlite-crm]",
        ),
        (
            5,
            every_hour_is_a_working_hour,
            f"{STORIES}test_promises.py::test_who_writes_outside_support_hours_is_told_of_monday[sqlite-saturday]",
        ),
        (
            5,
            what_is_told_is_not_what_is_judged,
            f"{STORIES}test_promises.py::test_who_writes_outside_support_hours_is_told_of_monday[sqlite-saturday]",
        ),
        (
            5,
            nobody_watches_the_clock,
            f"{STORIES}test_promises.py::test_a_promise_that_passes_unkept_is_noted_once[sqlite]",
        ),
        (
            5,
            a_broken_promise_is_not_marked,
            f"{STORIES}test_promises.py::test_a_promise_that_passes_unkept_is_noted_once[sqlite]",
        ),
        (
            6,
            whoever_looks_is_counted,
            f"{STORIES}test_status_page.py::test_looking_changes_no_row_of_any_table[sqlite]",
        ),
        (
            6,
            every_signature_is_right,
            f"{STORIES}test_status_page.py::test_a_link_signed_by_a_former_key_still_opens",
        ),
        (
            7,
            a_mail_is_kept_as_text,
            f"{STORIES}test_bytes.py::test_a_mail_is_kept_byte_for_byte[sqlite-latin-1 that says nothing]",
        ),
        (
            7,
            line_ends_are_tidied,
            f"{STORIES}test_bytes.py::test_a_mail_is_kept_byte_for_byte[sqlite-spaces at line ends]",
        ),
        (
            8,
            an_event_forgets_its_reason,
            f"{STORIES}test_why.py::test_an_absence_note_in_a_live_thread_is_unanswered_by_the_sign_it_bears[sqlite]",
        ),
        (
            8,
            the_present_settings_explain_everything,
            f"{STORIES}test_why.py::test_a_promise_stands_as_told_when_the_settings_change_and_why_says_so[sqlite]",
        ),
        (
            8,
            silence_needs_no_reason,
            f"{STORIES}test_why.py"
            "::test_a_follow_up_is_said_to_join_by_our_signature_and_to_have_no_acknowledgement[sqlite]",
        ),
        (
            9,
            a_dead_reader_is_an_act_that_failed,
            f"{STORIES}test_bad_input.py::test_a_mail_that_kills_its_reader_twice_is_an_unreadable_incident[sqlite]",
        ),
        (9, a_batch_fails_together, "tests/ledger/test_commit.py::test_a_bad_row_in_a_batch_costs_only_itself[sqlite]"),
    )
}
