"""How one language says why: the sentences of `ventanilla why`, from the folder's `why.toml`.

Promises: every instant is said with its day, seen from the day on which the question is asked; every code has its words
or the table's own word for others; foreign text is harmless and short; a reason of the severity is said in this
language, whatever language the mail was graded in. Never: decides what is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from desk.base.because import OTHER, Because, Count, Doer, Part, Reason, StoredReason, Word
from desk.base.errors import TemplateBroken
from desk.base.languages import folders, languages, load_toml
from desk.base.signs import SignFound
from desk.wording.counting import Counting
from desk.wording.harmless import line
from desk.wording.speech import DATA_ERRORS, Speech

FILE = "why.toml"
TRIAGE_FILE = "triage.toml"
SHOWN_MAX = 200
"""Characters of a stranger's text that a sentence shows."""
INDENT = "  "
WAY = "at"
"""How an instant is said when the sentence asks for no other way."""
QUOTE = ": «"
"""What stands in a stored reason between the folder's sentence and the mail's words."""
MINUTES_AN_HOUR = 60


class Why:
    """The sentences of one language. Raises TemplateMissing or TemplateBroken naming the file."""

    def __init__(self, speech: Speech, zone: ZoneInfo, override: Path | None = None) -> None:
        self._speech = speech
        self._counting = Counting(speech.code, zone, override)
        self._override = override
        self._name = f"{speech.code}/{FILE}"
        self._words = load_toml(speech.code, FILE, _root(override, speech.code, FILE))

    def text(self, number: str, parts: Mapping[Part, Sequence[str]]) -> Iterator[str]:
        """Yield the lines of the readable answer: a heading a part, its sentences below."""
        yield number
        for part, sentences in parts.items():
            yield ""
            yield self._entry("heading", part)
            yield from (INDENT + sentence for sentence in sentences)

    def sentences(self, said: Sequence[Reason], now: datetime) -> list[str]:
        """Return what is to be said in words; `now` is when the question is asked."""
        return [sentence for one in said for sentence in self._sentences(one, now)]

    def _sentences(self, one: Reason, now: datetime) -> Iterator[str]:
        if isinstance(one, Count):
            yield from self._counting.explained(one.lines, [(one.due, one.kind)])
        else:
            yield self._sentence(one, now)

    def _sentence(self, one: Because, now: datetime) -> str:
        form = self._entry("say", one.say)
        values = {name: self._value(value, now) for name, value in one.values.items()}
        try:
            text = " ".join(form.format_map(values).split())
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self._name}: say.{one.say}: {broken!r}") from broken
        return text[:1].upper() + text[1:]

    def _value(self, value: object, now: datetime) -> object:
        """Return a value as a sentence may name it."""
        match value:
            case datetime():
                return _Instant(self._speech, value, now)
            case timedelta():
                return self._span(value)
            case Word():
                return self._word(value)
            case Doer():
                return self._doer(value)
            case SignFound():
                return self._sign(value)
            case StoredReason():
                return self._reason(value.text)
            case str():
                return line(value, SHOWN_MAX)
        return value

    def _word(self, word: Word) -> str:
        if word.table not in self._words:
            return self._speech.word(word.table, word.key)
        more = {name: line(value, SHOWN_MAX) for name, value in word.more.items()}
        return self._known(word.table, word.key).format(word=line(word.key, SHOWN_MAX), **more)

    def _doer(self, who: Doer) -> str:
        address = line(self._words["by"].get(who.by, who.by), SHOWN_MAX)
        return f"{line(who.name, SHOWN_MAX)} <{address}>" if who.name else address

    def _sign(self, sign: SignFound) -> str:
        key = OTHER if sign.sign is None else sign.sign.name.lower()
        return self._known("sign", key).format(found=line(sign.found, SHOWN_MAX))

    def _reason(self, text: str) -> str:
        """Say a reason of triage in this language: by the sentence it begins with, its quotation left as it is."""
        head, quote, tail = text.partition(QUOTE)
        name = self._reason_names.get(head.rstrip("."))
        if name is None or name not in self._reasons:
            return line(self._speech.word("reason", text), SHOWN_MAX)
        return line(self._reasons[name] + (quote + tail if quote else "."), SHOWN_MAX)

    @cached_property
    def _reasons(self) -> Mapping[str, str]:
        return _triage_reasons(self._speech.code, self._override)

    @cached_property
    def _reason_names(self) -> Mapping[str, str]:
        """The names of triage's reasons by their sentence, in all languages."""
        every = [_triage_reasons(code, self._override) for code in languages()]
        return {sentence: name for reasons in every for name, sentence in reasons.items()}

    def _span(self, span: timedelta) -> str:
        hours, minutes = divmod(int(span.total_seconds()) // 60, MINUTES_AN_HOUR)
        form = "hours_minutes" if hours and minutes else "hours" if hours else "minutes"
        return self._entry("span", form).format(hours=hours, minutes=minutes)

    def _known(self, table: str, key: str) -> str:
        return self._entry(table, key if key in self._words.get(table, {}) else OTHER)

    def _entry(self, table: str, key: str) -> str:
        found = self._words.get(table, {}).get(key)
        if not isinstance(found, str):
            raise TemplateBroken(f"{self._name}: [{table}] has no {key}")
        return found


class _Instant:
    """An instant in a sentence: `{due}`, or in a way of instants.toml `{due:before}`."""

    def __init__(self, speech: Speech, instant: datetime, now: datetime) -> None:
        self._speech = speech
        self._instant = instant
        self._now = now

    def __format__(self, way: str) -> str:
        return self._speech.instant(way or WAY, self._instant.isoformat(), self._now.isoformat())


def _root(override: Path | None, language: str, file: str) -> Path:
    return override if override is not None and (override / language / file).is_file() else folders()


def _triage_reasons(language: str, override: Path | None) -> dict[str, str]:
    """Return the sentences of triage by name; none in a language that mails are written in but not graded in."""
    root = _root(override, language, TRIAGE_FILE)
    if not (root / language / TRIAGE_FILE).is_file():
        return {}
    reasons = load_toml(language, TRIAGE_FILE, root).get("reasons", {})
    return {name: sentence for name, sentence in reasons.items() if isinstance(sentence, str)}
