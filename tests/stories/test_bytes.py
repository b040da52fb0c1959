"""Mail is bytes: what came in is what is kept, byte for byte, and every view of it is derived (guarantee 7)."""

import asyncio
import hashlib
import random

import pytest

from tests.stories.house import ANA, DESK, house, submit_raw

pytestmark = pytest.mark.anyio

HEAD = b"From: Ana <ana@cliente.mx>\r\nSubject: bytes\r\nMessage-ID: <bytes@cliente.mx>\r\n"


def noise(size: int) -> bytes:
    """Every byte but CR and LF, in a fixed disorder."""
    return bytes(random.Random(size).choices([n for n in range(256) if n not in (10, 13)], k=size))


MAILS: dict[str, bytes] = {
    "eight bits": HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nma\xc3\xb1ana a las 9\r\n",
    "latin-1 that says nothing": HEAD + b"\r\nma\xf1ana\r\n",
    "lines of 5,000": HEAD + b"\r\n" + b"x" * 5000 + b"\r\n" + b"y" * 5000 + b"\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n.hidden\r\n...\r\ntext.\r\n",
    "dot at the beginning": b".From: ana@cliente.mx\r\n\r\n.\r\n",
    "spaces at line ends": HEAD + b"\r\nline \t \r\n\t\r\n \r\n-- \r\nAna\r\n",
    "folded and odd headers": HEAD + b"X-Odd:no space\r\nX-Fold: a\r\n\t b\r\n  c\r\nSubject: second\r\n\r\ntext\r\n",
    "all bytes": HEAD + b"Content-Transfer-Encoding: binary\r\n\r\n" + noise(20_000) + b"\r\n",
    "empty lines at the end": HEAD + b"\r\ntext\r\n\r\n\r\n\r\n",
    "no body": HEAD,
    "X-Ventanilla headers are kept as evidence": HEAD + b"X-Ventanilla-Number: INC-100425\r\n\r\nhola\r\n",
}


def stuffed(raw: bytes) -> bytes:
    """A mail as a client says it: a dot before every line that begins with one, and the end (RFC 5321 §4.5.2)."""
    lines = raw.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


@pytest.mark.parametrize("raw", MAILS.values(), ids=MAILS)
async def test_a_mail_is_kept_byte_for_byte(engine_url: str, raw: bytes) -> None:
    async with house(engine_url) as one:
        reply = await asyncio.to_thread(submit_raw, one.port, ANA, DESK, stuffed(raw))
        assert reply.startswith("250")
        await one.settle()
        (row,) = await one.rows("SELECT data, size, sha256 FROM blobs")
        assert bytes(row[0]) == raw
        assert row[1] == len(raw)
        assert row[2] == hashlib.sha256(raw).hexdigest()


async def test_the_conversation_points_to_the_bytes_it_was_read_from(engine_url: str) -> None:
    raw = MAILS["eight bits"]
    async with house(engine_url) as one:
        await asyncio.to_thread(submit_raw, one.port, ANA, DESK, stuffed(raw))
        await one.settle()
        (row,) = await one.rows("SELECT b.data, m.text FROM messages m JOIN blobs b ON b.id = m.blob_id")
        assert bytes(row[0]) == raw
        assert "mañana a las 9" in row[1]


async def test_an_attachment_is_found_in_the_kept_bytes_by_its_span(engine_url: str) -> None:
    content = bytes(range(256)) * 20
    import base64

    raw = (
        HEAD + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nmire\r\n--b\r\n'
        b'Content-Type: image/png; name="error.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )
    async with house(engine_url) as one:
        await asyncio.to_thread(submit_raw, one.port, ANA, DESK, stuffed(raw))
        await one.settle()
        (row,) = await one.rows(
            "SELECT a.name, a.size, a.first_byte, a.last_byte, b.data FROM attachments a "
            "JOIN messages m ON m.id = a.message_id JOIN blobs b ON b.id = m.blob_id"
        )
        assert row[0] == "error.png"
        assert row[1] == len(content)
        assert base64.b64decode(bytes(row[4])[row[2] : row[3]]) == content
