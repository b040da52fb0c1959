"""The mails of a plan: of plain people, of one who writes again, and those that must stop nobody."""

from dataclasses import dataclass, field
from email import policy
from enum import StrEnum
from random import Random

from tests.faults.deadly import POISON
from tests.stories.house import DESK, written
from tests.stories.test_bad_input import HELD, INTO_INCIDENTS
from tests.stories.test_bytes import noise

HOSTILE_BYTES_MAX = 256 * 1024
"""Larger hostile mails have a test of their own, and would only make a plan slow."""
HOSTILE = {name: raw for name, raw in {**INTO_INCIDENTS, **HELD}.items() if len(raw) <= HOSTILE_BYTES_MAX}
REFUSED_ID = "<refused@cliente.mx>"
"""The database refuses the message row of this Message-ID: a row that no code foresaw."""
WORDS = ("factura", "portal", "clave", "impresora", "correo", "reporte", "pago", "cuenta")
WORDS_MAX = 200


class Kind(StrEnum):
    PLAIN = "plain"
    BYTES = "odd bytes"
    HOSTILE = "hostile"
    POISON = "kills its reader"
    REFUSED = "refused by the database"
    FOLLOW_UP = "follow-up"


FIRST = (Kind.PLAIN, Kind.BYTES, Kind.HOSTILE, Kind.POISON, Kind.REFUSED)
ANSWERED = frozenset({Kind.PLAIN, Kind.BYTES})


@dataclass(eq=False)
class Letter:
    """One mail, and what is known of its deliveries. `heard` are its 250s, `handed_over` how often it went whole."""

    kind: Kind
    sender: str
    raw: bytes
    to: str = DESK
    parent: "Letter | None" = None
    heard: int = 0
    handed_over: int = 0
    is_over: bool = False
    raws: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.raw.endswith(b"\r\n")
        self.raws.append(self.raw)

    def __str__(self) -> str:
        return f"the {self.kind} mail of {self.sender}"


def letter(seed: int, n: int) -> Letter:
    """Return the nth letter of a seed: the first few are of set kinds, all others plain."""
    chance = Random(f"letter {seed} {n}")
    kind = FIRST[n] if n < len(FIRST) else Kind.PLAIN
    sender = f"u{n}@cliente.mx"
    if kind is Kind.HOSTILE:
        return Letter(kind, sender, HOSTILE[chance.choice(sorted(HOSTILE))])
    text = " ".join(chance.choices(WORDS, k=chance.randint(3, WORDS_MAX)))
    message_id = REFUSED_ID if kind is Kind.REFUSED else f"<{seed}.{n}@cliente.mx>"
    subject = POISON if kind is Kind.POISON else "Duda"
    raw = written(text, sender=sender, subject=subject, message_id=message_id).as_bytes(policy=policy.SMTP)
    if kind is Kind.BYTES:
        raw = (
            raw.replace(b"\r\n\r\n", b"\r\nX-Odd: \xf1 \t \r\n\r\n", 1)
            + b"ma\xf1ana \t \r\n.\r\n"
            + noise(500)
            + b"\r\n"
        )
    return Letter(kind, sender, raw)


def follow_up(parent: Letter, address: str, answer: str, n: int) -> Letter:
    """Return what the sender of a letter writes to the answer it had."""
    mail = written(
        "Ya lo intenté y sigue igual.",
        sender=parent.sender,
        message_id=f"<again.{n}.{parent.sender}>",
        to=address,
        in_reply_to=answer,
        references=answer,
    )
    return Letter(Kind.FOLLOW_UP, parent.sender, mail.as_bytes(policy=policy.SMTP), address, parent)


def by_another_way(raw: bytes, n: int) -> bytes:
    """Return a mail as another server would hand it in."""
    return b"Received: from hop%d.example by mx.example; Tue, 24 Nov 2026 12:00:00 -0600\r\n" % n + raw
