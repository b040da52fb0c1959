"""Keeps a filled database of both engines as an issue leaves it: every later version proves that it can go on from it.

A small life is played on the house itself, then what it left is written to tests/kept/: NAME.db.gz (SQLite),
NAME.sql.gz (PostgreSQL) and NAME.json (what a later test must know). Its people are made up, in domains nobody can own.
Never: writes anew what an earlier version kept, because only that version could have made it.

Usage: python -m tools.keep_database NAME, e.g. `house`
"""

import asyncio
import gzip
import json
import logging
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import structlog
from aiosmtpd.smtp import Envelope

from desk.base.message import Delivery
from desk.base.names import Transport
from desk.claims import Claims
from desk.commit import Commit
from desk.ledger import migrate
from desk.ledger.leases import id_blocks
from desk.ledger.statements import Run, Steps
from desk.ledger.store import Store, open_store
from desk.rules.numbers import number_of
from intake.email.reading.headers import arrival_key, header_block
from tests.engines import PostgresServer, free_port
from tests.ledger.desks import SetClock
from tests.relay import Taken, relay
from tests.stories.house import DESK, KEY, TUESDAY_NOON, House, reply_address, reply_to, settings_of, written
from ventanilla.wiring import Start, node

KEPT = Path(__file__).resolve().parent.parent / "tests" / "kept"
ANA, BOB, CARLA = "ana@cliente.example", "bob@client.example", "carla@tercero.example"
MONITOR, BULLETIN = "monitor@cliente.example", "boletin@lista.example"
DORA, EVA, FABIO, GINA = "dora@cuarto.example", "eva@quinto.example", "fabio@sexto.example", "gina@septimo.example"
STRANGER, LATER, AWAY = "550 5.1.1 no such user", "451 4.3.0 busy, later", "421 4.3.2 shutting down"
REPLIES = {DORA: STRANGER, EVA: LATER}
"""What the relay says to mails for somebody; all others are taken."""
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When leases have ended: they are judged by the database's own clock, not by that of the life."""
LOOK_S = 0.01
WAIT_S = 30
CALLER, NUMBER = "+525500000001", "+525500000000"
RESTRICTION = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)
"""Lines that newer pg_dumps write with a random word, and that older psqls do not know."""


@dataclass(frozen=True)
class Life:
    """What a life left, in words that do not depend on the engine."""

    at: datetime
    answer: Taken
    """What Ana was answered."""
    incidents: tuple[int, ...]

    def facts(self, issue: str) -> dict[str, Any]:
        """Return what a later test must know."""
        return {
            "issue": issue,
            "migrations": migrate.names(),
            "at": self.at.isoformat(),
            "key": KEY,
            "numbers": [number_of(one) for one in self.incidents],
            "user": {
                "address": ANA,
                "number": number_of(self.incidents[0]),
                "reply_to": reply_address(self.answer),
                "subject": str(self.answer.mail["Subject"]),
                "acknowledgement": str(self.answer.mail["Message-ID"]),
            },
            "waiting": [EVA, FABIO],
            "asked": BOB,
            "refused": DORA,
            "unread": GINA,
        }


def main(words: list[str]) -> int:
    if len(words) != 1 or not words[0].isidentifier():
        print(__doc__, file=sys.stderr)
        return 2
    issue = words[0]
    older = kept_by_an_earlier_version(issue)
    if older:
        print(f"tests/kept/{issue}.json was kept before {', '.join(older)}: it cannot be made again", file=sys.stderr)
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        facts = keep_sqlite(issue, Path(folder) / "ventanilla.db")
    if keep_postgres(issue) != facts:
        print("the two engines tell different things of the same life", file=sys.stderr)
        return 1
    (KEPT / f"{issue}.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    for path in sorted(KEPT.glob(f"{issue}.*")):
        print(f"tests/kept/{path.name}: {path.stat().st_size} bytes")
    return 0


def kept_by_an_earlier_version(issue: str) -> list[str]:
    """Return the migrations there are now and that were not there when an issue's database was kept."""
    told = KEPT / f"{issue}.json"
    known = json.loads(told.read_text())["migrations"] if told.exists() else migrate.names()
    return [name for name in migrate.names() if name not in known]


# The two engines


def keep_sqlite(issue: str, path: Path) -> dict[str, Any]:
    life = asyncio.run(live(f"sqlite://{path}"))
    small = path.with_name("small.db")
    connection = sqlite3.connect(path)
    connection.execute("VACUUM INTO ?", (str(small),))
    connection.close()
    write(f"{issue}.db.gz", small.read_bytes())
    return life.facts(issue)


def keep_postgres(issue: str) -> dict[str, Any]:
    server = PostgresServer()
    try:
        server.start()
        url = server.fresh_database()
        life = asyncio.run(live(url))
        command = [server.program("pg_dump"), "--no-owner", "--no-privileges", f"--dbname={url}"]
        script = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        server.stop()
    write(f"{issue}.sql.gz", RESTRICTION.sub("", script).encode())
    return life.facts(issue)


def write(name: str, content: bytes) -> None:
    (KEPT / name).write_bytes(gzip.compress(content, mtime=0))


# The life


async def live(url: str) -> Life:
    """Play the life on an empty database, and leave it as a node leaves it that was killed."""
    clock = SetClock(TUESDAY_NOON)
    async with standing(url, clock) as one:
        await people_write(one)
        await machines_write(one)
        await one.take(mail(DORA, "d1", "¿Cómo cambio mi contraseña?"), sender=DORA)
        await one.take(mail(EVA, "e1", "¿Cómo doy de alta a un usuario?"), sender=EVA)
        await relay_goes_away(one)
        answer, incidents = one.relay.to(ANA)[0], tuple(await one.incidents())
    store = await open_store(url)
    try:
        await take_in_unread(store, clock)
        await store.write(rows_of_later_rooms(clock.now(), incidents[0]))
    finally:
        await store.close()
    return Life(clock.now(), answer, incidents)


@asynccontextmanager
async def standing(url: str, clock: SetClock) -> AsyncIterator[House]:
    """The house on a relay that refuses some; it is not waited for: what is on its way when the block ends stays so."""
    async with relay() as sink:
        sink.answer = lambda envelope: REPLIES.get(envelope.rcpt_tos[0])
        ports = {"smtp": free_port(), "http": free_port(), "relay": sink.port}
        async with node(settings_of(url, ports), clock, Start(workers=0)) as one:
            yield House(sink, one, clock, ports["smtp"], ports["http"])


def mail(sender: str, name: str, text: str, **more: str) -> EmailMessage:
    """A mail to the desk; `more` are headers with _ for -."""
    return written(text, sender=sender, message_id=f"<{name}@{sender.partition('@')[2]}>", **more)


async def people_write(one: House) -> None:
    """A question with a second mail, a slow portal told in English and asked about, an outage with a picture."""
    await one.take(mail(ANA, "a1", "Buenos días, ¿cómo descargo mi factura de octubre?"), sender=ANA)
    answer = one.answer_to(ANA)
    more = reply_to(answer, "También la de septiembre.", sender=ANA, message_id="<a2@cliente.example>")
    one.clock.advance(MINUTE)
    await one.take(more, sender=ANA, to=reply_address(answer))
    slow = mail(BOB, "b1", "Hello, the portal is very slow since this morning.", subject="Portal very slow")
    await one.take(slow, sender=BOB)
    await asks_twice(one)
    outage = mail(CARLA, "c1", "El sistema está caído y nadie puede timbrar facturas.", subject="Urgente: caído")
    outage.add_attachment(PICTURE, maintype="image", subtype="png", filename="pantalla.png")
    outage.set_boundary("picture")
    await one.take(outage, sender=CARLA)


async def asks_twice(one: House) -> None:
    """Bob asks how it stands: he is told at once, and a second time when the hour has ended."""
    answer = one.answer_to(BOB)
    for name in ("b2", "b3"):
        question = reply_to(answer, "How is it going?", sender=BOB, message_id=f"<{name}@client.example>")
        await one.take(question, sender=BOB, to=reply_address(answer))


async def machines_write(one: House) -> None:
    """An alarm becomes an incident that nobody is answered for; a bulletin is held."""
    one.clock.advance(MINUTE)
    alarm = mail(MONITOR, "m1", "El disco está al 90 %.", subject="Disco", Auto_Submitted="auto-generated")
    await one.take(alarm, sender=MONITOR)
    bulletin = mail(BULLETIN, "l1", "Novedades de noviembre.", subject="Boletín", List_Id="<boletin.lista.example>")
    await one.take(bulletin, sender=BULLETIN)


async def relay_goes_away(one: House) -> None:
    """Fabio's incident is there; what it owes has never left."""
    one.clock.advance(MINUTE)
    asked: list[Envelope] = []

    def away(envelope: Envelope) -> str:
        asked.append(envelope)
        return AWAY

    one.relay.answer = away
    await one.send(mail(FABIO, "f1", "¿Dónde veo mi saldo?"), sender=FABIO)
    async with asyncio.timeout(WAIT_S):
        while not asked:  # noqa: ASYNC110 -- the relay has no bell for what it refuses
            await asyncio.sleep(LOOK_S)


async def take_in_unread(store: Store, clock: SetClock) -> None:
    """Store Gina's mail and read it no more; the leases of the nodes that died have run out."""
    clock.advance(MINUTE)
    raw = mail(GINA, "g1", "¿Cuándo vence mi contrato?").as_bytes(policy=policy.SMTP)
    commit = Commit(store, clock, node="a-node-that-died")
    delivery = Delivery(Transport.SMTP, GINA, (DESK,), "192.0.2.1", raw)
    await Claims(commit, timedelta(days=365)).store(delivery, arrival_key(raw, header_block(raw)))
    await commit.drain()
    await store.write(leases_run_out())


def leases_run_out() -> Steps[None]:
    yield Run("UPDATE arrivals SET leased_until = ? WHERE leased_until IS NOT NULL", (LONG_AGO,))
    yield Run("UPDATE owed SET leased_until = ? WHERE leased_until IS NOT NULL", (LONG_AGO,))


def rows_of_later_rooms(now: datetime, incident: int) -> Steps[None]:
    """One row in each table that no room writes yet, as its columns mean it: later migrations must carry them along."""
    first = yield from id_blocks({"calls": 20, "turns": 20, "pauses": 20}, {})
    yield Run(
        "INSERT INTO calls (id, version, sid, incident_id, direction, caller, callee, purpose, outcome, step, turn, "
        "facts, seconds, started_at, ended_at) VALUES (?, 1, ?, ?, 'in', ?, ?, 'state', 'completed', 'ended', 1, '{}', "
        "42, ?, ?)",
        (first["calls"], "CA" + "0" * 32, incident, CALLER, NUMBER, now - MINUTE, now),
    )
    yield Run(
        "INSERT INTO turns (id, call_id, turn, input, answer, at) VALUES (?, ?, 1, '2', '{}', ?)",
        (first["turns"], first["calls"], now - MINUTE),
    )
    yield Run(
        "INSERT INTO mailboxes (name, position, first_contact_at, last_success_at) VALUES (?, '{}', ?, ?)",
        ("soporte/INBOX", now, now),
    )
    yield Run(
        "INSERT INTO caps (scope, subject, window_start, count) VALUES ('address', ?, ?, 1)",
        (ANA, now.replace(minute=0, second=0)),
    )
    yield Run(
        "INSERT INTO pauses (id, incident_id, since, until, why) VALUES (?, ?, ?, ?, 'asked')",
        (first["pauses"], incident, now - MINUTE, now),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
