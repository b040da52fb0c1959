"""The one thing HTML mails need beyond escaping: line ends that every mail program shows."""

from markupsafe import Markup, escape


def broken_lines(text: str) -> Markup:
    """Return escaped text whose line ends are `<br>`: Outlook's Word engine ignores `white-space: pre-wrap`."""
    return Markup(str(escape(text)).replace("\n", "<br>\n"))  # noqa: S704 - escaped just before
