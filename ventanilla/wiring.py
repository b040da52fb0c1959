"""One node, put together: read from top to bottom it is the story of a start and of a stop (DESIGN 8, A node).

Promises: nothing is accepted before everything stands; on SIGTERM the doors close first, what was accepted is finished,
and the process ends within SHUTDOWN_S. Never: holds a global; every part is given what it needs.
"""

import asyncio
import gc
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from board.attachments_page import AttachmentsPage
from board.page import DeskIdentity, Pages
from board.status_page import StatusPage
from connections.tls import server_context
from desk.base.clock import Clock
from desk.base.errors import ListenerBusy, TemplateBroken
from desk.base.memory import give_back_early
from desk.base.names import EVERY_ROLE, Channel, NodeRole
from desk.base.reading_words import load_reading_words
from desk.caps import Caps
from desk.claims import Claims
from desk.commit import Commit
from desk.due import Due
from desk.ledger.copies import take_up_copy
from desk.ledger.settings import DatabaseSettings
from desk.ledger.store import alone_on, migrate, open_store
from desk.rules.addresses import AddressMode, Signer
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets
from desk.rules.desk import Contact, Desk
from desk.rules.routing import Consultant
from desk.rules.tutorials import Tutorial
from desk.verbs.digest import Digests
from desk.verbs.disk import Disks
from desk.verbs.flood import Floods
from desk.verbs.held import Alerts
from desk.verbs.late import Lates
from desk.verbs.reception import Reception
from desk.verbs.retention import Retention
from desk.verbs.roster import RosterBook, enrol
from desk.verbs.undelivered import Undeliveries
from desk.wording.wording import Wording
from intake.email.ingest import Ingest
from intake.email.limits import exempt_by
from intake.email.lmtp import LmtpListener, lmtp_door
from intake.email.reading.grading import triage_grader
from intake.email.reading.reader import Readers
from intake.email.smtp import SmtpListener
from responders.mail.carrier import MailCarrier
from responders.mail.compose import MailIdentity
from responders.mail.relays import Relays
from responders.mail.sender import Sender
from responders.outbox import Outbox
from ventanilla.disk import Disk, DiskWatch, place_of, watched_folder
from ventanilla.health import Health
from ventanilla.probe import Probe
from ventanilla.settings import Settings, default_file

log = structlog.get_logger()

SHUTDOWN_S = 10.0
"""Longest time from SIGTERM to the end (CONTRACT 1)."""
CLOSING_S = 4.0
"""Of these: for sessions that are sending a mail."""
FINISHING_S = 4.0
"""Of these: for what was accepted and has no act yet, and for attempts under way."""
MARGIN_S = 0.5
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Start:
    """How a node is started: its readers, what it carries, web routes that a command adds, what is called when it is
    up. What falls due every node performs: the version guard sees that it happens once."""

    workers: int = 1
    roles: frozenset[NodeRole] = EVERY_ROLE
    routes: tuple[web.RouteDef, ...] = ()
    when_ready: Callable[[], None] = lambda: None


async def run_node(settings: Settings, clock: Clock, start: Start) -> None:
    """Run a node until SIGTERM or SIGINT. Raises StoreAway, ListenerBusy, TemplateMissing, ReaderFailed at start."""
    give_back_early()
    stop = Stop()
    stop.listen()
    try:
        async with node(settings, clock, start):
            stop.stands()
            gc.collect()
            gc.freeze()  # what stands now stands to the end: the collector need not look at it again and again
            await stop.wished.wait()
            log.info("stopping")
    except asyncio.CancelledError:
        if not stop.wished.is_set():
            raise
    log.info("stopped")


class Stop:
    """The wish to stop, by SIGTERM or SIGINT: it ends a start at once, and in time a stop in which something hangs."""

    def __init__(self) -> None:
        self.wished = asyncio.Event()
        self._starting = asyncio.current_task()

    def listen(self) -> None:
        """From here on signals are wishes; the second changes nothing."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._wish)

    def stands(self) -> None:
        """Note that the start is over: from here on there is something to finish."""
        self._starting = None

    def _wish(self) -> None:
        if self.wished.is_set():
            return
        self.wished.set()
        asyncio.get_running_loop().call_later(SHUTDOWN_S - MARGIN_S, _cut_short)
        if self._starting is not None:
            self._starting.cancel()


def _cut_short() -> None:
    """End the process although something hangs: what was accepted is on disk, and the next start goes on with it."""
    log.warning("stopped_cut_short")
    os._exit(0)


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of a standing node, for whoever watches it."""

    commit: Commit
    claims: Claims
    ingest: Ingest
    outbox: Outbox
    doors: tuple[SmtpListener, ...]
    readers: Readers
    due: Due


@asynccontextmanager
async def node(settings: Settings, clock: Clock, start: Start) -> AsyncIterator[Node]:
    """A node that stands while the block runs, and is drained when it ends."""
    wording = checked_wording(settings)
    hostname = socket.getfqdn()
    database = settings.database
    await _bring_to_date(database, clock)
    async with AsyncExitStack() as closing:
        closing.enter_context(alone_on(database.url))
        store = await open_store(database.url, pooled=database.pooled, listen_url=database.listen_url)
        closing.push_async_callback(store.close)
        commit = Commit(store, clock, node=secrets.token_hex(8), roles=start.roles)
        closing.push_async_callback(commit.drain)
        await _take_up_copy(commit)
        consultants = await enrol(roster_of(settings), commit)
        book = RosterBook(consultants, store, clock)
        commit.on_committed(book.note)
        claims = Claims(commit, settings.retention.raw)
        desk = desk_of(settings)

        readers = _readers(settings, start)
        await readers.start()
        closing.push_async_callback(readers.stop)
        ingest = Ingest(claims, readers, Reception(commit, book, desk))
        doors = _doors(settings, desk.signer, ingest, hostname) if NodeRole.INTAKE in start.roles else ()

        relays = await closing.enter_async_context(_relays(settings, hostname))
        identity = MailIdentity(settings.desk.address, settings.desk.name)
        carriers = {Channel.EMAIL: MailCarrier(relays, identity, wording, claims.stretch)}
        caps = Caps(commit, settings.answers, desk.calendar.zone, _floods(settings, commit, consultants, desk).tell)
        outbox = Outbox(
            claims,
            caps,
            Lates(commit, desk),
            Undeliveries(commit, book, desk),
            carriers,
            clock=clock,
            random=Random(),  # noqa: S311 -- it spreads retries
        )

        disk = Disk(watched_folder(database.url), settings.health.disk_free)
        health = Health(settings, commit, disk, doors=doors, outbox=outbox, relays=relays, ingest=ingest)
        commit.on_committed(health.note)
        pages = _pages(settings, desk, wording, commit) if NodeRole.BOARD in start.roles else ()
        server = await _serve(settings, (*health.routes(), *pages, *start.routes))
        closing.push_async_callback(server.cleanup)
        for door in doors:
            await door.start()
        due = Due(
            commit,
            claims,
            Probe(commit),
            DiskWatch(disk, Disks(commit, consultants, desk, place_of(database.url))),
            Digests(commit, consultants, desk),
            Alerts(commit, consultants, desk),
            Retention(commit),
        )
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (due, *_carriers(start.roles, ingest, outbox, relays))]
            health.is_ready = True
            log.info("ready", node=commit.node, roles=sorted(start.roles), **_ports(settings, doors), pid=os.getpid())
            start.when_ready()
            try:
                yield Node(commit, claims, ingest, outbox, doors, readers, due)
            finally:
                health.is_ready = False
                await asyncio.gather(*(door.stop(CLOSING_S) for door in doors))
                await _until_idle(ingest, outbox)
                for task in running:
                    task.cancel()


def _readers(settings: Settings, start: Start) -> Readers:
    """Return the readers of a node; one that takes nothing in has none, and no words to read with."""
    words = load_reading_words(_override(settings))
    if NodeRole.INTAKE not in start.roles:
        return Readers(0, words)
    return Readers(start.workers, words, partial(triage_grader, settings.triage.mode, _override(settings)))


class Runs(Protocol):
    """A part with a loop of its own."""

    async def run(self) -> None: ...


def _carriers(roles: frozenset[NodeRole], ingest: Ingest, outbox: Outbox, relays: Relays) -> list[Runs]:
    """Return the loops of a node's roles: what none of them carries is never claimed by it."""
    found: list[Runs] = []
    if NodeRole.INTAKE in roles:
        found.append(ingest)
    if NodeRole.RESPONDERS in roles:
        found += [outbox, relays]
    return found


def _ports(settings: Settings, doors: tuple[SmtpListener, ...]) -> dict[str, int]:
    """Return where this node listens, 0 for a door that is off."""
    return {"smtp": 0, "lmtp": 0, **{door.transport: door.port for door in doors}, "http": settings.http.port}


def _pages(settings: Settings, desk: Desk, wording: Wording, commit: Commit) -> tuple[web.RouteDef, ...]:
    """Return the routes of the board's pages."""
    clock, read = commit.clock, commit.store.read
    pages = Pages(DeskIdentity(settings.desk.name, settings.desk.address), wording, clock)
    status_page = StatusPage(desk, pages, clock, read)
    attachments_page = AttachmentsPage(desk.signer, pages, clock, read)
    return (*status_page.routes(), *attachments_page.routes())


def _doors(settings: Settings, signer: Signer, ingest: Ingest, hostname: str) -> tuple[SmtpListener, ...]:
    """Return the doors for mail that are not off: each has its own sessions, the bytes in memory are one budget.

    Raises SettingsInvalid when the certificate or its key cannot be used.
    """
    smtp, is_exempt = settings.smtp, exempt_by(settings.trust.relays)
    tls = server_context(smtp.certificate, smtp.key, "smtp") if smtp.certificate else None
    first = SmtpListener(smtp, signer.is_desk_address, ingest.accept, hostname, is_exempt=is_exempt, tls=tls)
    second = LmtpListener(
        lmtp_door(smtp, settings.lmtp),
        signer.is_desk_address,
        ingest.accept,
        hostname,
        is_exempt=is_exempt,
        budget=first.budget,
    )
    return tuple(door for door in (first, second) if door.port)


def _floods(settings: Settings, commit: Commit, consultants: tuple[Consultant, ...], desk: Desk) -> Floods:
    return Floods(commit, consultants, desk, settings.answers.per_minute)


@asynccontextmanager
async def _relays(settings: Settings, hostname: str) -> AsyncIterator[Relays]:
    first, fallback = Sender(settings.relay, hostname), settings.relay.fallback
    relays = Relays(first, Sender(fallback, hostname, "relay.fallback") if fallback is not None else None)
    try:
        yield relays
    finally:
        await relays.close()


async def _bring_to_date(database: DatabaseSettings, clock: Clock) -> None:
    applied = await migrate(database.url, clock.now(), pooled=database.pooled)
    if applied:
        log.info("migrated", migrations=applied)


async def _take_up_copy(commit: Commit) -> None:
    taken_up = await commit.run(take_up_copy(commit.clock.now()))
    if taken_up is not None:
        log.warning("copy_taken_up", made_at=taken_up.made_at.isoformat(), held=taken_up.held)


async def _until_idle(ingest: Ingest, outbox: Outbox) -> None:
    """Wait for the acts of what was accepted and the attempts under way; owed rows that wait stay in the ledger."""
    try:
        async with asyncio.timeout(FINISHING_S):
            while not ingest.is_idle or not outbox.is_idle:  # noqa: ASYNC110 -- a state of many parts, no event
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        log.warning("stopped_unfinished", attempts=outbox.attempts_under_way)


async def _serve(settings: Settings, routes: Iterable[web.RouteDef]) -> web.AppRunner:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http.host, settings.http.port).start()
    except OSError as error:
        await runner.cleanup()
        raise ListenerBusy(
            f"http.port: cannot listen on {settings.http.host} port {settings.http.port} ({error.strerror or error}); "
            "stop the program that holds it, or set another http.port"
        ) from error
    return runner


def checked_wording(settings: Settings) -> Wording:
    """Return the words of this desk. Raises TemplateBroken naming every file that is missing or wrong."""
    wording = Wording(settings.desk.language, ZoneInfo(settings.desk.timezone), _override(settings))
    mistakes = wording.check()
    if mistakes:
        raise TemplateBroken("\n".join(mistakes))
    return wording


def desk_of(settings: Settings) -> Desk:
    """Return what rules may know of the configured desk."""
    zone = ZoneInfo(settings.desk.timezone)
    contacts = tuple(Contact(one.name, one.phone, one.extension) for one in settings.consultants if one.phone)
    return Desk(
        calendar=Calendar.from_settings(settings.calendar, zone),
        targets=Targets.from_settings(settings.promises),
        signer=Signer(
            keys=tuple(key.encode() for key in (settings.secrets.key, *settings.secrets.previous)),
            address=settings.desk.address,
            mode=AddressMode(settings.desk.reply_address),
            aliases=settings.desk.aliases,
        ),
        language=settings.desk.language,
        contacts=contacts,
        operator=settings.desk.operator,
        public_url=settings.http.public_url,
        privacy_url=settings.privacy.notice_url,
        privacy_version=settings.privacy.version,
        tutorials=tuple(
            Tutorial.of(one.title, one.url, one.topics, one.language or settings.desk.language)
            for one in settings.tutorials
        ),
        public_domains=_public_domains(),
    )


def roster_of(settings: Settings) -> tuple[Consultant, ...]:
    """Return the configured roster in contact order; ids come from the ledger."""
    return tuple(
        Consultant(
            id=0,
            name=one.name,
            email=one.email,
            queue=one.queue,
            role=one.role,
            order=order,
            language=one.language,
            phone=one.phone,
            extension=one.extension,
            aliases=one.aliases,
            absent=one.absent,
        )
        for order, one in enumerate(settings.consultants)
    )


def _override(settings: Settings) -> Path | None:
    return Path(settings.desk.templates) if settings.desk.templates else None


def _public_domains() -> frozenset[str]:
    lines = default_file().with_name("public_mail_domains.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
