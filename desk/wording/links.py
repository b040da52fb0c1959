"""Links that open a mail already written: `mailto:` with subject and body (RFC 6068)."""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

# RFC 6068 2 allows more, but readers differ in "+" and "/": only what every one reads alike stays as it is.
_SAFE = "@"
# Pieces kept encoded: the two buttons of a notice share address and subject, and bodies are few.
QUOTED_MAX = 256


def mailto(address: str, subject: str, body: str) -> str:
    """Return a link that opens a mail to `address`. Line ends of the body become CRLF (RFC 6068 5).

    In HTML it is escaped by the template like any text.
    """
    return f"mailto:{_quoted(address)}?subject={_quoted(subject)}&body={_quoted(body)}"


def _quote(text: str) -> str:
    return quote(text.replace("\n", "\r\n"), safe=_SAFE)


_quoted: Callable[[str], str] = lru_cache(QUOTED_MAX)(_quote)
