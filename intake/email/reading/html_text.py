"""The text of an HTML body, the way a reader would see it: lines where blocks end, a dash before list items, quotes
marked with `>`. Scripts, styles and comments are no text. Bounded in bytes and nodes; never raises on bad markup.
"""

import re

HTML_MAX = 512 * 1024
"""Characters of an HTML body that are read."""
NODES_MAX = 60_000
"""Nodes of an HTML body that are read."""

TAGS_MAX = 12_000
"""Tags of an HTML body that are read: the parser takes quadratic time in how deep they nest (100,000: 9 s)."""
DEPTH_SHOWN_MAX = 20
"""Quotes within quotes that are marked."""

_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
        "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li",
        "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul",
    }
)  # fmt: skip
_SPACED = frozenset(
    {
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "dl",
    }
)  # fmt: skip
_SILENT = frozenset(
    {
        "head", "script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math",
        "select", "textarea",
    }
)  # fmt: skip
_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]+")
_QUOTE = "\x01"
_UNQUOTE = "\x02"


def html_to_text(html: str) -> str:
    """Return the visible text of an HTML body."""
    # Imported here: half of all mail has a plain text part and never needs it.
    from selectolax.lexbor import LexborHTMLParser, LexborNode  # noqa: PLC0415

    root: LexborNode | None = LexborHTMLParser(_bounded(html).replace(_QUOTE, "").replace(_UNQUOTE, "")).root
    if root is None:
        return ""
    pieces: list[str] = []
    node: LexborNode | None = root
    preformatted, left = 0, NODES_MAX
    while node is not None and left:
        left -= 1
        tag = node.tag or ""
        child = None
        if tag == "-text":
            content = node.text_content or ""
            pieces.append(content if preformatted else _SPACES.sub(" ", content))
        elif tag not in _SILENT:
            _open(tag, pieces)
            preformatted += tag == "pre"
            child = node.child
            if child is None:
                preformatted -= tag == "pre"
                _close(tag, pieces)
        if child is not None:
            node = child
            continue
        while node is not None and node.next is None:
            node = node.parent
            if node is not None:
                preformatted -= node.tag == "pre"
                _close(node.tag or "", pieces)
        node = node.next if node is not None else None
    return _lines("".join(pieces))


def _bounded(html: str) -> str:
    html = html[:HTML_MAX]
    return html if html.count("<") <= TAGS_MAX else "<".join(html.split("<", TAGS_MAX)[:-1])


def _open(tag: str, pieces: list[str]) -> None:
    if tag == "br":
        pieces.append("\n")
    elif tag in _BLOCKS:
        _break(pieces, 2 if tag in _SPACED else 1)
        if tag == "li":
            pieces.append("- ")
        elif tag == "blockquote":
            pieces.append(_QUOTE)
    elif tag in ("td", "th") and pieces and not pieces[-1].endswith("\n"):
        pieces.append(" \t")


def _close(tag: str, pieces: list[str]) -> None:
    if tag == "blockquote":
        _break(pieces, 1)
        pieces.append(_UNQUOTE)
    elif tag in _BLOCKS:
        _break(pieces, 2 if tag in _SPACED else 1)


def _break(pieces: list[str], lines: int) -> None:
    """Make sure that what follows begins on a new line, with `lines - 1` empty ones before it."""
    while pieces and pieces[-1] == " ":
        pieces.pop()
    if not pieces or pieces[-1] in (_QUOTE, _UNQUOTE, "- "):
        return
    last = pieces[-1]
    have = len(last) - len(last.rstrip("\n"))
    if have == 1 and last == "\n" and len(pieces) > 1 and pieces[-2].endswith("\n"):
        have = 2
    if have < lines:
        pieces.append("\n" * (lines - have))


def _lines(text: str) -> str:
    """Return the pieces as lines: white space trimmed, at most one empty line in a row, `>` before quoted ones."""
    out: list[str] = []
    depth = 0
    for line in text.split("\n"):
        if _QUOTE in line or _UNQUOTE in line:
            depth = max(0, depth + line.count(_QUOTE) - line.count(_UNQUOTE))
            line = line.replace(_QUOTE, "").replace(_UNQUOTE, "")  # noqa: PLW2901 - the marks are no text
        clean = line.strip(" \t").replace("\u00a0", " ")
        mark = "> " * min(depth, DEPTH_SHOWN_MAX)
        if clean or (out and out[-1].strip("> ")):
            out.append((mark + clean).rstrip())
    return "\n".join(out).strip("\n")
