"""What a terminal shows of incidents: lines of a list, and a dossier, in the desk's language.

Promises: every word comes from `terminal.toml`; foreign text is harmless, so that no mail can paint on the operator's
screen; a line of the list is as wide as it was asked to be. Never: leaves out an event.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Any
from zoneinfo import ZoneInfo

from desk.base.errors import TemplateBroken
from desk.base.languages import folders, load_toml
from desk.base.names import DECISIONS, EventKind, OwedStatus
from desk.wording.harmless import line, lines

FILE = "terminal.toml"
WORDS = "words.toml"
COLUMNS = {"number": 12, "severity": 3, "status": 10, "queue": 11, "due": 16, "assigned": 28, "requester": 28}
"""Width of each column of the list; the subject takes what is left."""
SUBJECT_MIN = 20
GAP = "  "
MINUTE = "%Y-%m-%d %H:%M"
MINUTE_CHARS = len("2026-11-24 11:40")
LABEL_WIDTH = 14
INSTANTS = ("created_at", "first_response_at", "resolved_at", "told_at", "closed_at")

Shown = Mapping[str, Any]


class Terminal:
    """The words of one language for terminals. Raises TemplateMissing or TemplateBroken naming the file."""

    def __init__(self, language: str, override: Path | None = None) -> None:
        self._name = f"{language}/{FILE}"
        self._words = _table(language, FILE, override)
        self._reasons = _table(language, WORDS, override)["held"]

    def word(self, table: str, value: str) -> str:
        """Say a value in the words of a table."""
        found = self._words.get(table, {}).get(value)
        if not isinstance(found, str):
            raise TemplateBroken(f"{self._name}: [{table}] has no {value}")
        return found

    def held_reason(self, reason: str) -> str:
        """Say why something is held, as the mails to managers do; a later version's reason stands as it is."""
        return str(self._reasons.get(reason) or self._reasons["default"].format(word=line(reason)))

    # The list

    def headings(self, width: int) -> str:
        """Return the first line of the list."""
        return self._columns({name: self.word("column", name) for name in (*COLUMNS, "subject")}, width)

    def listed(self, incident: Shown, zone: ZoneInfo, width: int) -> str:
        """Return an incident as one line: the fields of the headings, `due` as an aware instant or None."""
        due: datetime | None = incident["due"]
        said = {
            "status": self.word("status", incident["status"]),
            "queue": self.word("queue", incident["queue"]),
            "due": due.astimezone(zone).strftime(MINUTE) if due else self.word("phrase", "none"),
            "assigned": incident["assigned"] or self.word("phrase", "none"),
        }
        return self._columns({**incident, **said}, width)

    def nothing(self) -> str:
        """Return what a list without incidents says."""
        return self.word("phrase", "empty")

    def _columns(self, values: Shown, width: int) -> str:
        cells = [f"{line(str(values[name]), most):<{most}}" for name, most in COLUMNS.items()]
        left = GAP.join(cells) + GAP
        return left + line(str(values["subject"]), max(SUBJECT_MIN, width - len(left)))

    # The dossier

    def dossier(self, incident: Shown) -> Iterator[str]:
        """Yield the lines of an incident given as the object of CONTRACT 3."""
        yield self._summary(incident)
        for name, value in self._facts(incident):
            if value:
                first, *more = value.splitlines()
                yield f"{self.word('label', name):<{LABEL_WIDTH}}{first}"
                yield from (" " * LABEL_WIDTH + other for other in more)
        for name, show in (
            ("promises", self._promise),
            ("pauses", self._pause),
            ("messages", self._message),
            ("events", self._event),
            ("outgoing", self._outgoing),
        ):
            if incident[name]:
                yield ""
                yield self.word("section", name)
                for one in incident[name]:
                    yield from (GAP + shown for shown in show(one))

    def _summary(self, incident: Shown) -> str:
        status = self.word("status", incident["status"])
        if incident["closed_by"]:
            status += f" {self.word('closed_by', incident['closed_by'])}"
        severity = self._phrase("severity", incident["severity"])
        return " · ".join((incident["number"], severity, status, self.word("queue", incident["queue"])))

    def _facts(self, incident: Shown) -> Iterator[tuple[str, str]]:
        requester = incident["requester"]
        reached = " ".join(filter(None, (requester["email"], requester["phone"])))
        yield "subject", line(incident["subject"])
        yield "requester", line(f"{requester['name']} <{reached}>" if requester["name"] else reached)
        yield "channel", self.word("channel", incident["channel"])
        yield "language", line(incident["language"])
        yield "type", line(incident["type"])
        yield "severity_reasons", "\n".join(map(line, incident["severity_reasons"]))
        yield "assigned", "\n".join(self._assigned(incident["assignments"]))
        yield "participants", line(", ".join(incident["participants"]))
        yield "mentions", ", ".join(incident["mentions"])
        for name in INSTANTS:
            yield name, minute_of(incident[name])
        yield "cause", lines(incident["cause"])
        yield "solution", lines(incident["solution"])

    def _assigned(self, assignments: Sequence[Shown]) -> Iterator[str]:
        for one in assignments:
            ended = f" ({self._phrase('until', minute_of(one['until']))})" if one["until"] else ""
            yield f"{self.word('queue', one['queue'])}: {one['consultant']}{ended}"

    def _promise(self, one: Shown) -> Iterator[str]:
        told = self._phrase("told", minute_of(one["told_at"])) if one["told_at"] else self.word("phrase", "untold")
        said = (self.word("promise", one["kind"]), self.word("promise_status", one["status"]), told)
        yield f"{minute_of(one['due'])}  {' · '.join(said)}"

    def _pause(self, one: Shown) -> Iterator[str]:
        until = self._phrase("until", minute_of(one["until"])) if one["until"] else ""
        yield f"{minute_of(one['from'])}  " + " · ".join(filter(None, (until, line(one["why"]))))

    def _message(self, one: Shown) -> Iterator[str]:
        to = ", ".join(one["to"])
        way = f"{one['from']} → {to}" if to else one["from"]
        yield f"{minute_of(one['at'])}  {line(way)} · {self.word('audience', one['audience'])}"
        text = lines(one["reply_text"] or one["text"])
        if text:
            yield from indent(text, GAP * 2).splitlines()
        for part in one["attachments"]:
            name, kind = line(part["name"]) or self.word("phrase", "none"), line(part["type"])
            yield GAP * 2 + self.word("phrase", "attachment").format(name=name, type=kind, size=part["size"])

    def _event(self, one: Shown) -> Iterator[str]:
        by = self._words["by"].get(one["by"], one["by"])
        why = f" ({line(one['why'])})" if one["why"] else ""
        if one["kind"] == EventKind.HELD and one["why"] in DECISIONS:
            said = [self.word("held_event", one["why"]), line(one["text"])]
            why = ""
        else:
            said = [self.word("event", one["kind"]), line(by), line(self._told_in(one))]
        yield f"{minute_of(one['at'])}  {' · '.join(filter(None, said))}{why}"

    def _told_in(self, event: Shown) -> str:
        """Return an event's text; that of a promise is its kind and its time."""
        kind, _, instant = event["text"].partition(": ")
        if not event["kind"].startswith("promise_"):
            return str(event["text"])
        return f"{self.word('promise', kind)}, {minute_of(instant)}"

    def _outgoing(self, one: Shown) -> Iterator[str]:
        is_sent = one["status"] == OwedStatus.SENT and one["sent_at"]
        status = (
            self._phrase("sent", minute_of(one["sent_at"])) if is_sent else self.word("outgoing_status", one["status"])
        )
        said = (f"{self.word('outgoing', one['kind'])} → {line(one['to'])}", status)
        attempts = (self._phrase("attempts", one["attempts"]),) if one["attempts"] > 1 else ()
        yield f"{minute_of(one['due_at'])}  {' · '.join((*said, *attempts))}"

    def _phrase(self, name: str, value: object) -> str:
        return self.word("phrase", name).format(value=value)


def _table(language: str, file: str, override: Path | None) -> dict[str, Any]:
    """Return the words of a file: the operator's own where there is one."""
    root = override if override is not None and (override / language / file).is_file() else folders()
    return load_toml(language, file, root)


def minute_of(instant: str | None) -> str:
    """Return an exported instant to its minute: it is in the desk's zone already."""
    return instant[:MINUTE_CHARS].replace("T", " ") if instant else ""
