"""The mails of a life: each as bytes, with what must become of it. Drawn from a Random, so a seed writes them again."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from desk.rules.numbers import number_of

DESK = "soporte@ejemplo.mx"
ANA, BETO = "ana@cliente.mx", "beto@cliente.mx"
EVA = "eva@otra.mx"
CONSULTANT = "asesor1@ejemplo.mx"
MACHINES = ("alarma@monitor.mx", "boletin@lista.mx", "mailer-daemon@lejos.mx")
"""Addresses that only machines write from: nothing must ever go there."""
OPENINGS = (
    "Buenos días, ¿cómo descargo mi factura de octubre?",
    "El portal está muy lento desde ayer.",
    "Nadie puede timbrar, el sistema está caído.",
    "Good morning, how do I download my invoice?",
)
ASK = "Buenas tardes, ¿cómo va mi reporte? Gracias."
FURTHER = "Ya probé con otro navegador y sigue igual."


class Fate(StrEnum):
    """What must become of a mail. `opens` and `asks` are answered, all others are not; of those that share a
    Message-ID, not words, one opens and is answered and the others join it."""

    OPENS = "opens"
    OPENS_UNANSWERED = "opens_unanswered"
    SHARES = "shares"
    JOINS = "joins"
    ASKS = "asks"
    INTERNAL = "internal"
    NOTED = "noted"
    HELD = "held"


ANSWERED = frozenset({Fate.OPENS, Fate.SHARES, Fate.ASKS})
INTO_ANOTHER = frozenset({Fate.JOINS, Fate.ASKS, Fate.INTERNAL, Fate.NOTED})


@dataclass
class Letter:
    """A mail somebody sends, and what its sender knows of it. Bytes that differ are copies of the one mail."""

    sender: str
    raw: bytes
    fate: Fate
    message_id: str = ""
    to: str = DESK
    envelope_from: str | None = None
    by_machine: bool = False
    incident: int | None = None
    can_be_encoded: bool = True
    copies: list[bytes] = field(default_factory=list)
    was_accepted: bool = False
    is_unreadable: bool = False
    was_abandoned: bool = False


@dataclass(frozen=True)
class Known:
    """A mail of ours that somebody has: what can be answered, and by whom."""

    incident: int
    to: str
    message_id: str
    reply_to: str
    bounce_to: str
    content: bytes


def written(sender: str, text: str, message_id: str, *, to: str = DESK, subject: str = "Duda", more: str = "") -> bytes:
    """Return a plain mail; `more` are header lines with their line ends."""
    own = f"Message-ID: {message_id}\r\n" if message_id else ""
    return (
        f"From: <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 12:00:00 -0600\r\n{own}{more}"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{text}\r\n"
    ).encode()


def by_another_way(raw: bytes) -> bytes:
    """Return the same mail as another transport brings it."""
    return b"Received: from far (far.mx [192.0.2.9]) by near; Tue, 24 Nov 2026 12:00:09 -0600\r\n" + raw


def encoded(raw: bytes) -> bytes:
    """Return the same mail as a relay that takes no eight bits hands it on."""
    head, _, body = raw.partition(b"\r\n\r\n")
    head = head.replace(b"Encoding: 8bit", b"Encoding: base64")
    return head + b"\r\n\r\n" + base64.encodebytes(body).replace(b"\n", b"\r\n")


class Writer:
    """Writes the letters of one life."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._serial = 0

    def first(self) -> list[Letter]:
        """Return a letter that answers nothing of ours, or two that look like one."""
        return self._random.choices(FIRST, WEIGHTS_FIRST)[0](self)

    def answer(self, known: Known) -> Letter:
        """Return a letter that answers a mail to a user."""
        return self._random.choice(ANSWERS)(self, known)

    def consultants_answer(self, known: Known) -> Letter:
        """Return a consultant's answer to a notice."""
        return self._reply(known, known.to, Fate.INTERNAL, "Lo reviso.")

    def _id(self, sender: str) -> str:
        self._serial += 1
        return f"<m{self._serial}@{sender.partition('@')[2]}>"

    def _opening(self) -> str:
        self._serial += 1
        return f"{self._random.choice(OPENINGS)} ({self._serial})"

    def _stranger(self) -> str:
        """Return an address of somebody, and of a domain, that takes part in nothing yet."""
        return f"ladron@ajeno{self._serial}.mx"

    def _person(self) -> str:
        return self._random.choice((ANA, ANA, BETO, EVA))

    # What answers nothing of ours

    def plain(self) -> list[Letter]:
        sender = self._person()
        message_id = self._id(sender)
        return [Letter(sender, written(sender, self._opening(), message_id), Fate.OPENS, message_id)]

    def without_message_id(self) -> list[Letter]:
        sender = self._person()
        return [Letter(sender, written(sender, self._opening(), ""), Fate.OPENS)]

    def with_raw_bytes(self) -> list[Letter]:
        sender, (one,) = self._person(), self.plain()
        raw = one.raw.replace(b"charset=utf-8", b"charset=utf-8;odd=\xff\xfe").replace(b"(", b"\xe9\xff  (", 1)
        raw = raw.replace(b"Subject: Duda", b"Subject: Duda \xe1 ")
        return [Letter(one.sender, raw, Fate.OPENS, one.message_id, can_be_encoded=False, envelope_from=sender)]

    def two_with_one_id(self) -> list[Letter]:
        """Two users whose program gives the same Message-ID to the same words."""
        message_id, text = self._id(ANA), self._opening()
        return [Letter(one, written(one, text, message_id), Fate.OPENS, message_id) for one in (ANA, EVA)]

    def one_id_other_words(self) -> list[Letter]:
        """A program that gives one Message-ID to two mails of one user, neither graver than the other."""
        message_id, text = self._id(ANA), self._opening()
        texts = (text, f"{text} Es urgente para mí.")
        return [Letter(ANA, written(ANA, one, message_id), Fate.SHARES, message_id) for one in texts]

    def flood(self) -> list[Letter]:
        """More in an hour than one address is answered at once."""
        ids = [self._id(BETO) for _ in range(self._random.randint(4, 6))]
        return [Letter(BETO, written(BETO, self._opening(), one), Fate.OPENS, one) for one in ids]

    def alarm(self) -> list[Letter]:
        more = self._random.choice(
            ("Auto-Submitted: auto-generated\r\n", "Precedence: bulk\r\n", "X-Auto-Response-Suppress: All\r\n")
        )
        return [self._of_machine(MACHINES[0], more=more)]

    def null_sender(self) -> list[Letter]:
        return [self._of_machine(MACHINES[0], envelope_from="")]

    def _of_machine(self, sender: str, *, more: str = "", envelope_from: str | None = None) -> Letter:
        message_id = self._id(sender)
        raw = written(sender, self._opening(), message_id, more=more)
        return Letter(sender, raw, Fate.OPENS_UNANSWERED, message_id, envelope_from=envelope_from, by_machine=True)

    def news_of_a_list(self) -> list[Letter]:
        message_id = self._id(MACHINES[1])
        raw = written(MACHINES[1], self._opening(), message_id, more="List-Id: <boletin.lista.mx>\r\n")
        return [Letter(MACHINES[1], raw, Fate.HELD, message_id, by_machine=True)]

    def foreign_bounce(self) -> list[Letter]:
        return [self._bounce(DESK, "<other@elsewhere.mx>", Fate.HELD)]

    def of_two_people(self) -> list[Letter]:
        message_id = self._id(EVA)
        raw = written(EVA, self._opening(), message_id).replace(b"From: ", b"From: <otro@otra.mx>, ", 1)
        return [Letter(EVA, raw, Fate.HELD, message_id)]

    # What answers a mail of ours

    def follow_up(self, known: Known) -> Letter:
        return self._reply(known, known.to, Fate.JOINS)

    def asks(self, known: Known) -> Letter:
        return self._reply(known, known.to, Fate.ASKS, ASK)

    def by_number(self, known: Known) -> Letter:
        """The requester writes a new mail with the number in its subject."""
        return self._numbered(known, known.to, Fate.JOINS)

    def colleague(self, known: Known) -> Letter:
        sender = "otra." + known.to
        return self._reply(known, sender, Fate.JOINS)

    def colleague_by_number(self, known: Known) -> Letter:
        return self._numbered(known, "otro." + known.to, Fate.OPENS)

    def stranger(self, known: Known) -> Letter:
        return self._reply(known, self._stranger(), Fate.OPENS)

    def stranger_by_number(self, known: Known) -> Letter:
        return self._numbered(known, self._stranger(), Fate.OPENS)

    def forged(self, known: Known) -> Letter:
        """A colleague who makes up a signed address."""
        sender, message_id = "otra." + known.to, self._id(known.to)
        raw = written(sender, FURTHER, message_id, to=_forged(known.reply_to), subject="Re: sin número")
        return Letter(sender, raw, Fate.OPENS, message_id, to=_forged(known.reply_to))

    def forged_by_consultant(self, known: Known) -> Letter:
        message_id = self._id(CONSULTANT)
        raw = written(CONSULTANT, FURTHER, message_id, to=_forged(known.reply_to))
        return Letter(CONSULTANT, raw, Fate.HELD, message_id, to=_forged(known.reply_to))

    def absent(self, known: Known) -> Letter:
        letter = self._reply(known, known.to, Fate.NOTED, "Estoy fuera.", more="Auto-Submitted: auto-replied\r\n")
        letter.by_machine = True
        return letter

    def bounce(self, known: Known) -> Letter:
        return self._bounce(known.bounce_to, known.message_id, Fate.NOTED, known)

    def own_mail_come_back(self, known: Known) -> Letter:
        raw = known.content.replace(b"From: ", b"X-From: ", 1)
        raw = b"From: <redirector@cliente.mx>\r\n" + raw
        return Letter("redirector@cliente.mx", raw, Fate.HELD, known.message_id, by_machine=True, can_be_encoded=False)

    def _reply(self, known: Known, sender: str, fate: Fate, text: str = FURTHER, more: str = "") -> Letter:
        message_id = self._id(sender)
        more += f"In-Reply-To: {known.message_id}\r\nReferences: {known.message_id}\r\n"
        subject = f"Re: [{number_of(known.incident)}]"
        raw = written(sender, text, message_id, to=known.reply_to, subject=subject, more=more)
        return Letter(sender, raw, fate, message_id, to=known.reply_to, incident=known.incident)

    def _numbered(self, known: Known, sender: str, fate: Fate) -> Letter:
        message_id = self._id(sender)
        raw = written(sender, FURTHER, message_id, subject=f"Sobre {number_of(known.incident)}")
        return Letter(sender, raw, fate, message_id, incident=known.incident)

    def _bounce(self, to: str, returned: str, fate: Fate, known: Known | None = None) -> Letter:
        message_id, failed = self._id(MACHINES[2]), known.to if known else "nadie@lejos.mx"
        raw = (
            f"From: <{MACHINES[2]}>\r\nTo: {to}\r\nSubject: Undelivered\r\nMessage-ID: {message_id}\r\n"
            "MIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nnot delivered\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; lejos.mx\r\n\r\n"
            f"Final-Recipient: rfc822; {failed}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {returned}\r\n\r\n--b--\r\n"
        ).encode()
        return Letter(
            MACHINES[2], raw, fate, message_id, to=to, envelope_from="", by_machine=True,
            incident=known.incident if known else None, can_be_encoded=False,
        )  # fmt: skip


def _forged(address: str) -> str:
    """Return a signed address with another signature of the right form."""
    local, _, domain = address.rpartition("@")
    last = local[-8:]
    return f"{local[:-8]}{re.sub('[a-z2-7]', lambda one: 'b' if one[0] == 'a' else 'a', last)}@{domain}"


FIRST: Sequence[Callable[[Writer], list[Letter]]] = (
    Writer.plain,
    Writer.without_message_id,
    Writer.with_raw_bytes,
    Writer.two_with_one_id,
    Writer.one_id_other_words,
    Writer.flood,
    Writer.alarm,
    Writer.null_sender,
    Writer.news_of_a_list,
    Writer.foreign_bounce,
    Writer.of_two_people,
)
WEIGHTS_FIRST = (12, 3, 2, 2, 1, 1, 2, 2, 1, 1, 1)
ANSWERS: Sequence[Callable[[Writer, Known], Letter]] = (
    Writer.follow_up,
    Writer.follow_up,
    Writer.asks,
    Writer.asks,
    Writer.asks,
    Writer.by_number,
    Writer.colleague,
    Writer.colleague_by_number,
    Writer.stranger,
    Writer.stranger_by_number,
    Writer.forged,
    Writer.forged_by_consultant,
    Writer.absent,
    Writer.absent,
    Writer.bounce,
    Writer.own_mail_come_back,
)
