"""SMTP smuggling: no spelling but CR LF . CR LF ends a mail, wherever the blocks are cut.

The vectors are the published families (end of data by bare LF, by bare CR, by mixtures, with NUL between): every line
end before the dot with every line end after it. A mail of the sender's that ends early would let its rest be read as
commands: a second mail with any sender, authenticated as the first.
"""

import asyncio
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.email.content import Content, Refusal
from intake.email.limits import BufferBudget
from tests.channels.smtp_doors import Client, open_door

LINE_ENDS = (
    b"\n",
    b"\r",
    b"\r\r",
    b"\n\n",
    b"\n\r",
    b"\r\r\n",
    b"\r\n\r",
    b"\r\0\n",
    b"\0\r\n",
    b"\r\n\0",
    b"\x85",
    b"\x0b",
)
REAL = b"\r\n"
VECTORS = [
    before + b"." + after
    for before, after in product((*LINE_ENDS, REAL), repeat=2)
    if b"\r\n.\r\n" not in before + b"." + after
]
SMUGGLED = b"MAIL FROM:<jefe@ejemplo.mx>\r\nRCPT TO:<soporte@ejemplo.mx>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n"
END = b".\r\n"
SIZE_MAX = 100_000


def collect(blocks: list[bytes]) -> tuple[Content, bytes, bytes | None]:
    """Feed blocks until the end; return the content, the mail and what followed its end."""
    content = Content(SIZE_MAX, BufferBudget(SIZE_MAX))
    for number, block in enumerate(blocks):
        rest = content.feed(block)
        if rest is not None:
            return content, content.finish(), rest + b"".join(blocks[number + 1 :])
    return content, b"", None


def has_bare_line_end(data: bytes) -> bool:
    paired = data.replace(b"\r\n", b"")
    return b"\r" in paired or b"\n" in paired


@pytest.mark.parametrize("vector", VECTORS, ids=repr)
def test_a_false_end_of_data_is_content_at_every_block_boundary(vector: bytes) -> None:
    stuffed = b"Subject: a\r\n\r\nfirst" + vector + SMUGGLED
    sent = stuffed + END
    for cut in range(len(sent) + 1):
        content, mail, rest = collect([sent[:cut], sent[cut:]])
        assert rest == b""
        if has_bare_line_end(stuffed):
            assert (content.refusal, mail) == (Refusal.BARE_LINE_END, b"")
        else:
            assert content.refusal is None
            assert mail == stuffed.replace(b"\r\n.", b"\r\n")


@pytest.mark.parametrize("after", [end for end in LINE_ENDS if not end.startswith(REAL)], ids=repr)
def test_a_false_end_of_data_right_after_data_is_content(after: bytes) -> None:
    sent = b"." + after + SMUGGLED + END  # the line end before it is that of DATA itself
    for cut in range(len(sent) + 1):
        _content, _mail, rest = collect([sent[:cut], sent[cut:]])
        assert rest == b""


@pytest.mark.anyio
async def test_no_vector_smuggles_a_second_mail_over_a_socket() -> None:
    async with open_door() as door:
        for vector in VECTORS:
            client = await door.knock()
            await client.greet()
            stuffed = b"Subject: a\r\n\r\nfirst" + vector + SMUGGLED
            await client.envelope()
            await client.send(stuffed + END)
            assert (await client.hear())[:3] == ("554" if has_bare_line_end(stuffed) else "250"), vector
            assert await client.say("QUIT") == "221 Bye"
        assert {delivery.envelope_from for delivery in door.store.kept} == {"ana@cliente.example"}
        assert len(door.store.kept) == sum(not has_bare_line_end(vector) for vector in VECTORS)


async def send_cut(client: Client, sent: bytes, cut: int) -> None:
    """Send in two packets; between them the loop turns often enough for the server to read the first."""
    await client.send(sent[:cut])
    for _ in range(5):
        await asyncio.sleep(0)
    await client.send(sent[cut:])


@pytest.mark.anyio
async def test_the_real_end_is_found_at_every_packet_boundary_and_the_next_command_is_answered() -> None:
    sent = b"a\r\n.\r\nNOOP\r\n"
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        for cut in range(1, len(sent)):
            await client.envelope()
            await send_cut(client, sent, cut)
            assert (await client.hear()).startswith("250 2.0.0 ")
            assert (await client.hear()).startswith("250 ")
        assert [delivery.raw for delivery in door.store.kept] == [b"a\r\n"] * (len(sent) - 1)


def reference(sent: bytes) -> tuple[bytes, bytes]:
    """Read DATA line by line, as RFC 5321 §4.5.2 tells it."""
    lines: list[bytes] = []
    while True:
        line, found, sent = sent.partition(b"\r\n")
        assert found
        if line == b".":
            return b"".join(lines), sent
        lines.append(line.removeprefix(b".") + b"\r\n")


@given(
    pieces=st.lists(st.sampled_from([b"\r\n", b"\r\n.", b"\r\n.\r\n", b".", b"..", b"a", b"\0", b"\xff"]), max_size=12),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_any_cutting_gives_what_reading_line_by_line_gives(pieces: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(pieces) + b"\r\n.\r\n"
    bounds = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    content, mail, rest = collect([sent[start:end] for start, end in pairwise(bounds)])
    assert content.refusal is None
    assert (mail, rest) == reference(sent)


@given(size=st.integers(0, 40), cut=st.integers(0, 50))
def test_what_a_mail_takes_of_the_budget_comes_back(size: int, cut: int) -> None:
    budget = BufferBudget(10)
    content = Content(20, budget)
    sent = b"x" * size + b"\r\n.\r\n"
    for block in (sent[:cut], sent[cut:]):
        content.feed(block)
    assert budget.held == content.taken
    assert (content.refusal is Refusal.TOO_BIG) == (size + 2 > 20)
    content.drop()
    content.drop()
    assert budget.held == 0
