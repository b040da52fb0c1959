"""What becomes of a stored mail that is read again by a later version (guarantee 7).

Promises: what is only a view of its bytes (subject, text, new words, index of attachments) is rewritten; what something
was done by (severity, language, thread, whether a person wrote it) is reported and stays. Never: owes anybody anything,
or changes what was decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from desk.base.grade import Grade
from desk.base.message import Message
from desk.base.names import LANGUAGE_UNKNOWN, MessageKind
from desk.base.signs import PERSONS, sign_of
from desk.rules.decision import Decision, IncidentChange, MessageView
from desk.rules.incident import Incident
from desk.rules.mail import Thread
from desk.rules.numbers import number_of

ENCODING_KEPT = 32
"""Characters of a transfer encoding that the ledger keeps."""
_BY_PEOPLE = frozenset({MessageKind.NEW, MessageKind.FOLLOW_UP})


class Decided(StrEnum):
    """What a mail was decided by, and is not decided again."""

    SEVERITY = "severity"
    LANGUAGE = "language"
    THREAD = "thread"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a mail stands: its incident, its view, whether its bytes are kept, whether it opened the incident, whether
    another of the incident has its Message-ID, which may have tied it.

    `opened_why` is the sign by which the opening mail was told a person's or a machine's; `is_regraded` tells that a
    person graded since.
    """

    incident: Incident
    view: MessageView
    is_kept: bool
    is_opening: bool
    is_namesake: bool
    is_regraded: bool
    opened_why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the mail is by the present version."""

    message: Message
    grade: Grade | None
    thread: Thread


@dataclass(frozen=True, slots=True)
class Finding:
    """Something decided that would be decided otherwise now."""

    what: Decided
    was: str
    would_be: str


def changed(view: MessageView, message: Message) -> tuple[str, ...]:
    """Return the names of the views that differ."""
    now = _view(view.message, message)
    names = ("subject", "text", "reply_text", "attachments")
    return tuple(name for name in names if getattr(view, name) != getattr(now, name))


def rewrite(standing: Standing, message: Message) -> Decision:
    """Return the views anew; nothing when they are as they were, or the mail was erased meanwhile."""
    if not standing.is_kept or not changed(standing.view, message):
        return Decision()
    before, view = standing.incident, _view(standing.view.message, message)
    return Decision(incidents=(IncidentChange(before, replace(before, version=before.version + 1)),), rows=(view,))


def findings(standing: Standing, reading: Reading) -> Iterator[Finding]:
    """Yield what would be decided otherwise now."""
    incident, grade = standing.incident, reading.grade
    if standing.is_opening and grade is not None:
        if grade.severity is not incident.severity and not standing.is_regraded:
            yield Finding(Decided.SEVERITY, str(incident.severity.value), str(grade.severity.value))
        if grade.language not in (incident.language, LANGUAGE_UNKNOWN):
            yield Finding(Decided.LANGUAGE, incident.language, grade.language)
    named = reading.thread.incident
    expected = (incident.id, *((None, *incident.mentions) if standing.is_opening else ()))
    expected = (*expected, None) if standing.is_namesake else expected
    if named not in expected:
        was = "new" if standing.is_opening else incident.number
        yield Finding(Decided.THREAD, was, "new" if named is None else number_of(named))
    if standing.is_opening and (sign := sign_of(standing.opened_why).sign) is not None:
        was_person, is_person = sign in PERSONS, reading.message.kind in _BY_PEOPLE
        if was_person is not is_person:
            yield Finding(Decided.VERDICT, _who(is_person=was_person), reading.message.kind.value)


def _view(message: int, read: Message) -> MessageView:
    parts = tuple(replace(one, charset="", encoding=one.encoding[:ENCODING_KEPT]) for one in read.attachments)
    return MessageView(message, read.subject, read.text, read.reply_text, parts)


def _who(*, is_person: bool) -> str:
    return "person" if is_person else "machine"
