"""One walk over a raw mail: header fields in order, and the parts as byte spans. It decodes no body and copies none.

Linear time whatever the input: every loop is bounded by a constant below or moves forward through the raw. It never
raises on bad mail; what it could not follow is told in `Walked.defects`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from intake.email.reading.decode import one_line, parameters

HEADER_BLOCK_MAX = 64 * 1024
"""Bytes of a header block that are looked at; what lies beyond is not read."""
PART_HEADER_MAX = 16 * 1024
"""The same for the header block of a part inside a mail."""
FIELDS_MAX = 2000
"""Header fields of one block."""
PARTS_MAX = 500
"""Parts of one mail, multiparts included."""
DEPTH_MAX = 24
"""Multiparts within multiparts."""
DELIMITERS_MAX = 20_000
"""Places looked at in one mail because they might be a boundary line."""
ENCODING_MAX = 40
"""Characters of a transfer encoding's name that are kept."""
BOUNDARY_MAX = 250
"""Characters of a boundary; RFC 2046 allows 70, some programs write more."""

_FIELD = re.compile(rb"([!-9;-~]{1,120})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_KNOWN = re.compile(rb"\n(?:from|to|subject|date|content-type|mime-version|message-id|received)[ \t]*:", re.IGNORECASE)
_LINE_END = re.compile(rb"[ \t]*(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of a header block in order: lower-case name and the value as it stood, folds included."""

    fields: tuple[tuple[str, bytes], ...]
    index: dict[str, bytes] = field(repr=False, default_factory=dict)

    def first(self, name: str) -> bytes:
        """Return the first value of a field, empty when it is not there."""
        return self.index.get(name, b"")

    def all(self, name: str) -> Iterator[bytes]:
        return (value for key, value in self.fields if key == name) if name in self.index else iter(())

    def has(self, name: str) -> bool:
        return name in self.index


@dataclass(slots=True, eq=False)
class Part:
    """A part of a mail: its headers, the span of its encoded body, and where it hangs."""

    headers: Headers
    start: int
    end: int
    parent: "Part | None" = None
    depth: int = 0
    type: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)

    def within(self, kind: str) -> "Part | None":
        """Return the nearest multipart of a type that this part lies in."""
        above = self.parent
        while above is not None and above.type != kind:
            above = above.parent
        return above


@dataclass(frozen=True, slots=True)
class Walked:
    """A mail taken apart. `view` is the raw with line ends that can be read, as long as the raw, so spans fit both."""

    view: bytes = field(repr=False)
    headers: Headers
    body_start: int
    root: Part
    leaves: tuple[Part, ...]
    defects: tuple[str, ...]
    cut: bool = False


def encoding_of(headers: Headers) -> str:
    """Return the Content-Transfer-Encoding in lower case, "" when there is none: what is no character is left out."""
    value = headers.first("content-transfer-encoding")
    if not value:
        return ""
    text = value.split(b";")[0].strip(b" \t\r\n\"'").lower().decode("ascii", "replace")[:ENCODING_MAX]
    return text if text.isprintable() else one_line(text, ENCODING_MAX)


def readable(raw: bytes) -> bytes:
    """Return the raw itself, or, when it only knows bare CR as line end, a copy of equal length with LF instead."""
    if raw.find(b"\n", 0, HEADER_BLOCK_MAX) < 0 and raw.find(b"\r", 0, HEADER_BLOCK_MAX) >= 0:
        return raw.replace(b"\r", b"\n")
    return raw


def header_fields(view: bytes, start: int, end: int, limit: int) -> tuple[Headers, int, bool]:
    """Return the header fields of `view[start:end]`, where the body begins, whether the block was cut at `limit`."""
    if view.startswith((b"\r\n", b"\n"), start):
        return Headers(()), min(end, view.index(b"\n", start) + 1), False
    stop = min(end, start + limit)
    # CRLF first: nearly all mail has it, and would be searched up to the limit for an empty line that it never has.
    long = view.find(b"\n\r\n", start, stop)
    short = view.find(b"\n\n", start, stop if long < 0 else min(stop, long + len(b"\n\r\n\n")))
    if short >= 0:
        block_end, body = short + 1, short + 2
    elif long >= 0:
        block_end, body = long + 1, long + 3
    elif stop < end:
        return fields_of(view[start:stop])[0], _body_after(view, stop, end), True
    else:
        block_end = body = end
    headers, used = fields_of(view[start:block_end])
    return (headers, start + used, False) if used < block_end - start else (headers, body, False)


def _body_after(view: bytes, start: int, end: int) -> int:
    """Return where the body begins behind a header block that is too long, `end` when it never does."""
    ends = [at + len(mark) for mark in (b"\n\n", b"\n\r\n") if (at := view.find(mark, start, end)) >= 0]
    return min(ends, default=end)


def fields_of(block: bytes) -> tuple[Headers, int]:
    """Return the fields of a block and how far it is header: to a line that is no field, unless known ones follow."""
    found: list[tuple[str, bytes]] = []
    index: dict[str, bytes] = {}
    at = 0
    while at < len(block) and len(found) < FIELDS_MAX:
        match = _FIELD.match(block, at)
        if match is not None:
            name = match[1].lower().decode("ascii")
            found.append((name, match[2]))
            index.setdefault(name, match[2])
            at = match.end()
            continue
        known = _KNOWN.search(block, at)
        if known is None:
            return Headers(tuple(found), index), at
        at = known.start() + 1
    return Headers(tuple(found), index), len(block)


def first_line_end(view: bytes) -> int:
    """Return how much of the beginning is no header at all: byte order mark, mbox `From ` line, empty lines."""
    at = 3 if view.startswith(b"\xef\xbb\xbf") else 0
    while view.startswith((b"\r\n", b"\n"), at) and at < PART_HEADER_MAX:
        at = view.index(b"\n", at) + 1
    if view.startswith((b"From ", b">From "), at):
        end = view.find(b"\n", at, at + HEADER_BLOCK_MAX)
        at = end + 1 if end >= 0 else at
    return at


def walk(raw: bytes) -> Walked:
    """Take a raw mail apart within the bounds above; see the module for what it promises."""
    return _Walk(readable(raw)).run()


class _Walk:
    """The state of one walk: what was found, and what is left of the bounds."""

    def __init__(self, view: bytes) -> None:
        self.view = view
        self.leaves: list[Part] = []
        self.defects: dict[str, None] = {}
        self.parts = 0
        self.delimiters = 0

    def run(self) -> Walked:
        view = self.view
        headers, body, cut = header_fields(view, first_line_end(view), len(view), HEADER_BLOCK_MAX)
        if cut:
            self.defects["header block too long"] = None
        root = self._part(headers, body, len(view), None)
        stack = [root]
        while stack:
            part = stack.pop()
            children = self._children(part)
            if children:
                stack.extend(reversed(children))
            else:
                self.leaves.append(part)
        return Walked(view, headers, body, root, tuple(self.leaves), tuple(self.defects), cut)

    def _part(self, headers: Headers, start: int, end: int, parent: Part | None) -> Part:
        part = Part(headers, start, end, parent, 0 if parent is None else parent.depth + 1)
        value = headers.first("content-type")
        if value:
            kind, part.params = parameters(value)
            part.type = kind if "/" in kind else _type_of_old(kind)
        elif parent is not None and parent.type == "multipart/digest":
            part.type = "message/rfc822"
        self.parts += 1
        return part

    def _children(self, part: Part) -> list[Part]:
        """Return the parts of a multipart; one that cannot be taken apart becomes a leaf of text."""
        if not part.type.startswith("multipart/"):
            return []
        boundary = part.params.get("boundary", "").rstrip()[:BOUNDARY_MAX]
        if part.depth >= DEPTH_MAX or self.parts >= PARTS_MAX:
            self.defects["too many or too deep parts"] = None
            part.type = "application/octet-stream"
            return []
        spans = self._spans(part, boundary.encode("utf-8", "replace")) if boundary else []
        if not spans:
            self.defects["multipart without its boundary"] = None
            part.type = "text/plain"
            return []
        children = []
        for start, end in spans:
            if self.parts >= PARTS_MAX:
                self.defects["too many or too deep parts"] = None
                break
            headers, body, cut = header_fields(self.view, start, end, PART_HEADER_MAX)
            if cut:
                self.defects["header block of a part too long"] = None
            children.append(self._part(headers, body, end, part))
        return children

    def _spans(self, part: Part, boundary: bytes) -> list[tuple[int, int]]:
        """Return the spans between the boundary lines of a multipart, without the line end before each."""
        view, mark = self.view, b"--" + boundary
        spans: list[tuple[int, int]] = []
        opened = -1
        at = part.start if view.startswith(mark, part.start) else self._next(mark, part.start, part.end)
        while at >= 0:
            self.delimiters += 1
            after = at + len(mark)
            closing = view.startswith(b"--", after)
            line = _LINE_END.match(view, after + 2 if closing else after, part.end)
            if line is not None:
                if opened >= 0:
                    spans.append((opened, _before_line_end(view, opened, at)))
                opened = -1 if closing else line.end()
                if closing or len(spans) > PARTS_MAX:
                    break
            at = self._next(mark, after - 1, part.end)
        else:
            self.defects["multipart without its end"] = None
        if opened >= 0:
            spans.append((opened, part.end))
        return spans

    def _next(self, mark: bytes, start: int, end: int) -> int:
        """Return where the next line begins that starts with a mark, -1 without one or when the bound is reached."""
        if self.delimiters >= DELIMITERS_MAX:
            self.defects["too many boundary lines"] = None
            return -1
        at = self.view.find(b"\n" + mark, max(0, start), end)
        return at + 1 if at >= 0 else -1


def _before_line_end(view: bytes, start: int, at: int) -> int:
    """Return the end of a part whose boundary line begins at `at`: the line end before it belongs to the boundary."""
    if at - 2 >= start and view.startswith(b"\r\n", at - 2):
        return at - 2
    return max(start, at - 1)


def _type_of_old(kind: str) -> str:
    """Return the type for a value without a slash, as mailers before MIME wrote it (`text`, `multipart`)."""
    return {"text": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}.get(kind, "text/plain")
