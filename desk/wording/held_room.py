"""What a terminal shows of the held room: lines of a list, one item whole, what became of a verdict.

Promises: every word comes from `terminal.toml` and `words.toml`; foreign text is harmless, so that no mail can paint on
the operator's screen. Never: leaves out why an item is held.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from desk.base.names import BY_MACHINE
from desk.wording.harmless import line, lines
from desk.wording.terminal import GAP, LABEL_WIDTH, Terminal, minute_of

COLUMNS = {"id": 6, "at": 16, "reason": 44, "from": 32, "number": 12}
"""Width of each column of the list; the subject takes what is left."""
SUBJECT_MIN = 20
HEAD_LINES_MAX = 40
HEAD_CHARS_MAX = 4_000
"""How much of a mail's text is shown: enough to decide. The whole stands in the raw mail."""

Shown = Mapping[str, Any]


class HeldRoom:
    """The words of the held room in one language."""

    def __init__(self, words: Terminal) -> None:
        self._words = words

    def headings(self, width: int) -> str:
        """Return the first line of the list."""
        return self._columns({name: self._say("held_column", name) for name in (*COLUMNS, "subject")}, width)

    def listed(self, item: Shown, width: int) -> str:
        """Return an item, given as the object of CONTRACT 3, as one line."""
        cells = {
            "id": item["id"],
            "at": minute_of(item["at"]),
            "reason": self._words.held_reason(item["reason"]),
            "from": item["from"],
            "number": item["number"] or self._say("phrase", "none"),
            "subject": item["subject"],
        }
        return self._columns(cells, width)

    def nothing(self) -> str:
        """Return what an empty room says."""
        return self._say("held_phrase", "empty")

    def whole(self, item: Shown, head: str) -> Iterator[str]:
        """Yield the lines of one item; `head` is the text of its mail."""
        yield f"{item['id']} · {self._words.held_reason(item['reason'])}"
        for name, value in self._facts(item):
            if value:
                yield f"{self._say('held_label', name):<{LABEL_WIDTH}}{line(value)}"
        if head:
            yield ""
            yield from (GAP + one for one in self._head(head))
        if item["decided_at"] is None:
            yield ""
            yield self._say("held_phrase", "decide").format(id=item["id"])

    def decided(self, item: int, verdict: str, by: str, at: str) -> str:
        """Return who decided an item before, and when; `at` as it is exported."""
        said = self._say("held_verdict", verdict)
        return self._say("held_phrase", "decided").format(id=item, verdict=said, by=self._by(by), at=minute_of(at))

    def done(self, item: int, verdict: str) -> str:
        """Return what a verdict does."""
        return self._say("held_done", verdict).format(id=item)

    def _facts(self, item: Shown) -> Iterator[tuple[str, str]]:
        yield "explanation", item["explanation"]
        yield "at", minute_of(item["at"])
        yield "number", item["number"] or ""
        yield "from", item["from"]
        yield "to", ", ".join(item["to"])
        yield "subject", item["subject"]
        yield "message_id", item["message_id"]
        if (arrival := item["arrival"]) is not None:
            door = " · ".join(filter(None, (arrival["transport"], arrival["peer"], arrival["authenticated_as"])))
            yield "arrival", f"{minute_of(arrival['received_at'])} · {door} · <{arrival['envelope_from']}>"
            yield "raw", self._raw(item)
        if (owed := item["outgoing"]) is not None:
            status = self._say("outgoing_status", owed["status"])
            yield "outgoing", f"{self._say('outgoing', owed['kind'])} → {owed['to']} · {status}"
            yield "last_reply", owed["last_reply"]
        yield "told_at", minute_of(item["told_at"])
        if item["decided_at"] is not None:
            verdict = self._say("held_verdict", item["verdict"])
            yield "decided", f"{verdict} · {self._by(item['decided_by'])} · {minute_of(item['decided_at'])}"

    def _raw(self, item: Shown) -> str:
        raw = item["raw"]
        if raw is None:
            return self._say("held_phrase", "raw_gone")
        return self._say("held_phrase", "raw").format(id=item["id"], size=raw["size"], sha256=raw["sha256"])

    def _head(self, text: str) -> Iterator[str]:
        shown = lines(text, HEAD_CHARS_MAX).splitlines()
        yield from shown[:HEAD_LINES_MAX]
        if len(shown) > HEAD_LINES_MAX:
            yield self._say("held_phrase", "more")

    def _by(self, who: str | None) -> str:
        """Return who decided; an erasure is the machine's, and the first ones noted nobody."""
        return line(who) if who and who != BY_MACHINE else self._say("by", BY_MACHINE)

    def _say(self, table: str, value: str) -> str:
        return self._words.word(table, value)

    def _columns(self, values: Shown, width: int) -> str:
        cells = [f"{line(str(values[name]), most):<{most}}" for name, most in COLUMNS.items()]
        left = GAP.join(cells) + GAP
        return left + line(str(values["subject"]), max(SUBJECT_MIN, width - len(left)))
