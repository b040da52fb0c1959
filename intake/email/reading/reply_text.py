"""The new words of a mail: the quote of what it answers and the signature are cut, a forwarded mail is kept.

Cut first by what we ourselves sent, then by our delimiter line, then by the patterns of the languages; lines are looked
at, never rewritten. In doubt a line stays: the full text is kept anyway, but a lost line may be the answer.
Linear: each line is looked at a bounded number of times, and at no more than LINE_SEEN_MAX of its characters.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from desk.base.message import Parent
from desk.base.reading_words import ReadingWords

LINES_MAX = 5_000
"""Lines that are looked at; what follows stays as it is."""
LINE_SEEN_MAX = 300
INTRO_LINES_MAX = 4
"""Lines over which the line that introduces a quote may be folded."""
HEADER_LINES_MAX = 9
"""Lines below `From:` in which the other fields of a quoted header block are sought."""
SAME_LENGTH_MIN = 12
"""Characters a line needs before being one of ours counts: short lines are said by everybody."""
SIGNATURE_LINES_MAX = 15
"""Lines below `-- ` up to which it is a signature."""
CLOSE_LINES = 3

_GAP = re.compile(r"\s+")
_ADDRESS = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{3,255}")
_WHEN = re.compile(r"\d{1,2}[:.h]\d{2}|\b(?:19|20)\d\d\b|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}")
_BRACKETED = re.compile(r"[<\[(](?:mailto:)?[^\s@<>\[\]()]{1,64}@[^\s@<>\[\]()]{3,255}[>\])]")
_DECORATION = " \t*_\u00a0\r"
_COLONS = ":\uff1a"
_RULE = re.compile(r"\s*[-_=*]{5,}\s*\Z")
_ANY_LABEL = re.compile(r"[ \t*]{0,4}[^\W\d_][\w \-./]{0,20}[ \t]?\*?[ \t]?[:\uff1a]\*?(?=[ \t*\u00a0]|\Z)")
_TELLING = re.compile(r"[>|:\uff1a#_=\u2014-]")
_QUOTED = re.compile(r"[ \t]{0,4}(?:>|\|[ \t])")


@dataclass(frozen=True, slots=True)
class _Signs:
    """The words of the languages as compiled patterns."""

    intro: re.Pattern[str] | None
    original: re.Pattern[str] | None
    forward: re.Pattern[str] | None
    forward_subject: re.Pattern[str] | None
    first_label: re.Pattern[str] | None
    label: re.Pattern[str] | None
    mail_label: re.Pattern[str] | None
    device: re.Pattern[str] | None


@lru_cache(maxsize=16)
def _signs(words: ReadingWords) -> _Signs:
    def plain(texts: tuple[str, ...]) -> str:
        return "|".join(_GAP.sub(r"\\s+", re.escape(text).replace("\\ ", " ")) for text in texts)

    def made(pattern: str, texts: tuple[str, ...]) -> re.Pattern[str] | None:
        return re.compile(pattern, re.IGNORECASE) if texts else None

    prefixes = plain(words.forward_prefixes)
    label = r"[ \t>*_]{{0,6}}(?:{})[ \t]?\*{{0,2}}[ \t\u00a0]?[:\uff1a]\*{{0,2}}(?=\s|\Z)"
    return _Signs(
        made("|".join(f"(?:{one})" for one in words.quote_patterns), words.quote_patterns),
        made(rf"[ \t>*]{{0,6}}-{{2,}}[ \t]*(?:{plain(words.original_markers)})[ \t]*-{{2,}}", words.original_markers),
        made(
            rf"[ \t>*]{{0,6}}(?:[-_=]{{2,}}[ \t]*)?(?:{plain(words.forward_markers)})(?:[ \t]*[-_=:]|.{{0,80}}:?\Z)",
            words.forward_markers,
        ),
        made(rf"\s*(?:(?:{prefixes})\s*(?:\[\d+\])?:|\[(?:{prefixes})[:\]])", words.forward_prefixes),
        made(label.format(plain(words.from_labels)), words.from_labels),
        made(label.format(plain(words.header_labels + words.mail_labels)), words.header_labels + words.mail_labels),
        made(label.format(plain(words.mail_labels)), words.mail_labels),
        made("|".join(f"(?:{one})" for one in words.signature_patterns), words.signature_patterns),
    )  # fmt: skip


def reply_text(text: str, subject: str, parents: tuple[Parent, ...], words: ReadingWords) -> str:
    """Return the new words of a text: without quotes, quoted header blocks, signature; with forwarded mail kept."""
    lines = text.split("\n", LINES_MAX)
    rest = lines.pop() if len(lines) > LINES_MAX else ""
    cutter = _Cutter(lines, _signs(words), words.delimiters, _is_forward(subject, words))
    if parents:
        cutter.drop_ours(parents)
    cutter.run()
    kept = cutter.kept()
    if not kept and not parents and not cutter.answers_us:
        return text.strip("\n")  # a mail passed on without a word of one's own
    return f"{kept}\n{rest}" if rest and not cutter.ended else kept


def _is_forward(subject: str, words: ReadingWords) -> bool:
    sign = _signs(words).forward_subject
    return sign is not None and sign.match(subject[:LINE_SEEN_MAX]) is not None


def _known(line: str) -> str:
    """Return a line as it is compared with ours: without quote marks, decoration, white space and case."""
    return _GAP.sub("", line[: 2 * LINE_SEEN_MAX].lstrip("> \t|*-").rstrip("* \t")).lower()


class _Cutter:
    """The lines of a text and which of them go."""

    def __init__(self, lines: list[str], signs: _Signs, delimiters: tuple[str, ...], forward: bool) -> None:
        self.lines = lines
        self.signs = signs
        self.delimiters = tuple(_known(one) for one in delimiters)
        self.delimiter_begins = tuple({one[:3] for one in delimiters})
        self.forward = forward
        self.keep = [True] * len(lines)
        self.ended = False
        self.answers_us = False
        self.intros = self._find_intros()

    def kept(self) -> str:
        out: list[str] = []
        for line, stays in zip(self.lines, self.keep, strict=True):
            if stays and (line.strip() or (out and out[-1])):
                out.append(line.rstrip())
        return "\n".join(out).strip("\n")

    def _end_at(self, at: int) -> None:
        """Drop everything from a line on, and the rule or the empty lines just above it."""
        self.ended = True
        for later in range(at, len(self.lines)):
            self.keep[later] = False
        above = at - 1
        while above >= 0 and (not self.lines[above].strip() or _RULE.match(self.lines[above][:LINE_SEEN_MAX])):
            self.keep[above] = False
            above -= 1

    def drop_ours(self, parents: tuple[Parent, ...]) -> None:
        """Drop the lines that we sent ourselves, when the mail carries at least one long line of ours."""
        ours = {known for parent in parents for line in parent.text.split("\n", LINES_MAX) if (known := _known(line))}
        same = [bool(known := _known(line)) and known in ours for line in self.lines]
        if any(hit and len(_known(line)) >= SAME_LENGTH_MIN for line, hit in zip(self.lines, same, strict=True)):
            long_ones = [
                hit and len(_known(line)) >= SAME_LENGTH_MIN for line, hit in zip(self.lines, same, strict=True)
            ]
            first = long_ones.index(True)
            for at in range(first, len(self.lines)):
                self.keep[at] = not same[at]

    def run(self) -> None:
        """Go down the lines once; what introduces a quote decides about the lines below it."""
        at = 0
        while at < len(self.lines) and not self.ended:
            line = self.lines[at][:LINE_SEEN_MAX]
            if _TELLING.search(line) is None:
                at = self._untold(at, line)
            elif self.delimiters and self._is_delimiter(line):
                self.answers_us = True
                self._end_at(self._above_intro(at))
            elif _QUOTED.match(line):
                at = self._quoted(at)
            elif self.signs.forward is not None and self.signs.forward.match(line):
                return
            else:
                at = self._plain(at, line)

    def _untold(self, at: int, line: str) -> int:
        """Judge a line without any mark of a quote: it may be what a device added, or begin a folded introduction."""
        device = self.signs.device
        if device is not None and line and device.match(line.strip()):
            self.keep[at] = False
            return at + 1
        below = self._intro_end(at) if line else 0
        return self._introduced(at, below) if below else at + 1

    def _is_delimiter(self, line: str) -> bool:
        if not any(begin in line for begin in self.delimiter_begins):
            return False
        known = _known(line)
        return any(one and one in known for one in self.delimiters)

    def _above_intro(self, at: int) -> int:
        """Return the line where the introduction of the quote at `at` begins, `at` itself without one."""
        above = at - 1
        while above >= 0 and at - above <= CLOSE_LINES and not self.lines[above].strip():
            above -= 1
        for first in range(max(0, above - INTRO_LINES_MAX + 1), above + 1):
            if self._intro_end(first) == above + 1 or (self._is_header_block(first) and not self.forward):
                return first
        return at

    def _quoted(self, at: int) -> int:
        """Drop a block of quoted lines; return the line below it."""
        if self.forward:
            return at + 1
        while at < len(self.lines) and _QUOTED.match(self.lines[at][:8]):
            self.keep[at] = False
            at += 1
        return at

    def _plain(self, at: int, line: str) -> int:
        """Judge a line that is not quoted; return the next one to look at."""
        signs = self.signs
        if signs.original is not None and line.lstrip(" \t>*").startswith("--") and signs.original.match(line):
            if not self.forward:
                self._end_at(at)
            return len(self.lines)
        if line.strip() in ("--", "—", "-- "):
            return self._signature(at)
        if signs.device is not None and signs.device.match(line.strip()):
            self.keep[at] = False
            return at + 1
        below = self._intro_end(at)
        if below:
            return self._introduced(at, below)
        if not self.forward and self._is_header_block(at):
            self._end_at(at)
        return at + 1

    def _signature(self, at: int) -> int:
        """Drop a signature below `--`: what is left of the text, or up to the quote, when it is short."""
        below = at + 1
        while below < len(self.lines) and below - at <= SIGNATURE_LINES_MAX:
            line = self.lines[below][:LINE_SEEN_MAX]
            if line.strip() and (_QUOTED.match(line) or self._intro_end(below) or self._is_header_block(below)):
                break
            below += 1
        if below < len(self.lines) and below - at > SIGNATURE_LINES_MAX:
            return at + 1
        self.keep[at:below] = [False] * (below - at)
        return below

    def _intro_end(self, at: int) -> int:
        """Return the line below an introduction of a quote that begins at `at`; 0 when none does."""
        return self.intros.get(at, 0)

    def _find_intros(self) -> dict[int, int]:
        """Return where introductions of quotes begin and the line below each. They end in a colon, folded or not."""
        found = {}
        for at, line in enumerate(self.lines):
            if ":" in line[-4:] or "\uff1a" in line[-4:]:
                end = line.rstrip(_DECORATION)
                if end and end[-1] in _COLONS and (first := self._intro_begin(at)) is not None:
                    found[first] = at + 1
        return found

    def _intro_begin(self, at: int) -> int | None:
        """Return where the introduction that ends at a line begins; None when it is none.

        In words we know it begins as near as it holds a time; else as near as both time and sender.
        """
        joined, nearest, timed = "", None, None
        for first in range(at, max(-1, at - INTRO_LINES_MAX), -1):
            line = self.lines[first][:LINE_SEEN_MAX].strip(_DECORATION)
            if not line:
                break
            joined = f"{line} {joined}".rstrip()
            if not self._is_intro(joined, at):
                continue
            nearest = first if nearest is None else nearest
            if _WHEN.search(joined):
                timed = first if timed is None else timed
                if _ADDRESS.search(joined) or (self.signs.intro is not None and self.signs.intro.match(joined)):
                    return first
        return nearest if timed is None else timed

    def _is_intro(self, joined: str, at: int) -> bool:
        """Tell whether joined lines introduce a quote: in words we know, or in any language by time and sender."""
        sender, when = _ADDRESS.search(joined), _WHEN.search(joined)
        if not sender and not when:
            return False
        if self.signs.intro is not None and self.signs.intro.match(joined):
            return True
        if when and _BRACKETED.search(joined):
            return True
        below = self._next_full(at + 1)
        return below < len(self.lines) and _QUOTED.match(self.lines[below][:8]) is not None

    def _next_full(self, at: int) -> int:
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        return at

    def _introduced(self, at: int, below: int) -> int:
        """Drop what an introduction introduces: the quoted block below it, or, when nothing is marked, all the rest."""
        if self.forward:
            return below
        first = self._next_full(below)
        if first < len(self.lines) and _QUOTED.match(self.lines[first][:8]):
            self.keep[at:first] = [False] * (first - at)
            return first
        self._end_at(at)
        return len(self.lines)

    def _is_header_block(self, at: int) -> bool:
        """Tell whether a quoted header block begins here: a sender, and fields that only mail has.

        `De: … Para: … Fecha: …` may be anybody's list; with `Asunto:` or `Enviado:` and a time or address it is mail.
        """
        signs = self.signs
        if signs.first_label is None or signs.label is None or signs.mail_label is None:
            return False
        seen, sender, mail, known = "", False, False, 0
        for line in (line[:LINE_SEEN_MAX] for line in self.lines[at : at + HEADER_LINES_MAX]):
            is_sender = signs.first_label.match(line) is not None
            is_label = is_sender or signs.label.match(line) is not None
            if not known and not is_label:
                return self._is_foreign_block(at)
            if is_label:
                known += 1
                sender, mail = sender or is_sender, mail or signs.mail_label.match(line) is not None
                seen += f" {line}"
            elif not line.strip() and known >= CLOSE_LINES:
                break
        return sender and mail and known >= CLOSE_LINES and bool(_WHEN.search(seen) or _ADDRESS.search(seen))

    def _is_foreign_block(self, at: int) -> bool:
        """Tell the same in any language: a bracketed address first, a time next, then one more labelled line."""
        block = [line[:LINE_SEEN_MAX] for line in self.lines[at : at + CLOSE_LINES]]
        if len(block) < CLOSE_LINES or not all(_ANY_LABEL.match(line) for line in block):
            return False
        return _BRACKETED.search(block[0]) is not None and _WHEN.search(block[1]) is not None
