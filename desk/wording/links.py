"""Links that open a mail already written: `mailto:` with subject and body (RFC 6068)."""

from urllib.parse import quote

# RFC 6068 2 allows more, but readers differ in "+" and "/": only what every one reads alike stays as it is.
_ADDRESS_SAFE = "@"


def mailto(address: str, subject: str, body: str) -> str:
    """Return a link that opens a mail to `address`. Line ends of the body become CRLF (RFC 6068 5).

    In HTML it is escaped by the template like any text.
    """
    crlf = body.replace("\n", "\r\n")
    return f"mailto:{quote(address, safe=_ADDRESS_SAFE)}?subject={quote(subject, safe='')}&body={quote(crlf, safe='')}"
