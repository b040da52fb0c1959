"""Plays the dialogs in `dialogs/` against a listener: those of a folder in it against the door of that name.

`-> ` is a line the client sends (`\\n`, `\\r`, `\\0`, `\\xNN` are escapes; CR LF is added). `<- ` is one line of the
server's reply, in which `...` stands for anything. `<~ closed` is the end of the connection, `# ` a comment. The last
line tells how many mails were stored: `stored N`.
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from intake.email import smtp
from intake.email.lmtp import LmtpListener
from intake.email.settings import SmtpAccountSettings
from tests.channels.smtp_doors import Client, Door, open_door

DIALOGS = sorted((Path(__file__).parent / "dialogs").rglob("*.txt"))
ANA = SmtpAccountSettings(username="Ana@cliente.example", password="contraseña")
DOORS: dict[str, dict[str, Any]] = {
    "dialogs": {},
    "lmtp": {"kind": LmtpListener},
    "accounts": {"accounts": (ANA,)},
    "proxy": {"proxy": (ip_network("127.0.0.0/8"),), "accounts": (ANA,)},
}
"""What each folder's door has beside the limits of all."""


async def play(line: str, client: Client, door: Door) -> None:
    mark, _, text = line.partition(" ")
    if mark == "->":
        data = text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
        await client.send(data + b"\r\n")
    elif mark == "<-":
        said = (await client.hear_line()).rstrip("\r\n")
        pattern = ".*".join(re.escape(piece) for piece in text.split("..."))
        assert re.fullmatch(pattern, said), f"expected {text!r}, heard {said!r}"
    elif line == "<~ closed":
        assert await client.hear_all() == b""
    elif mark == "stored":
        assert len(door.store.kept) == int(text)
    else:
        raise AssertionError(f"no dialog line: {line!r}")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("folder", "dialog"),
    [pytest.param(path.parent.name, path.read_text(encoding="utf-8"), id=path.stem) for path in DIALOGS],
)
async def test_a_kept_dialog_goes_as_written(folder: str, dialog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LOGIN_DELAY_S", 0.01)
    lines = [line for line in dialog.splitlines() if line and not line.startswith("#")]
    assert lines[-1].startswith("stored ")
    async with open_door(max_size=2000, max_recipients=3, **DOORS[folder]) as door:
        client = await door.knock()
        for line in lines:
            await play(line, client, door)


def test_there_are_dialogs() -> None:
    assert {path.parent.name for path in DIALOGS} == set(DOORS)
    assert len(DIALOGS) >= 20
