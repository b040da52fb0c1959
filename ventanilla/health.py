"""What every node says of itself: `/healthz`, `/readyz`, `/metrics` (CONTRACT 5).

Promises: `/readyz` is 200 only while the database answers and takes what is written, and the listeners stand;
`/healthz` lists each trouble with what to do; a GET changes nothing. Never: shows a name, an address or a word of a
mail.
"""

import asyncio
import ipaddress
from collections import Counter as Counted
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from desk.base.clock import Clock
from desk.base.errors import StoreAway
from desk.base.names import EventKind, Transport
from desk.base.trouble import Trouble
from desk.commit import Commit
from desk.rules.decision import Decision
from desk.views.figures import Figures, figures
from intake.email.ingest import Ingest
from intake.email.smtp import SmtpListener
from responders.mail.relays import Relays
from responders.outbox import Outbox
from ventanilla.disk import Disk
from ventanilla.settings import Settings

ANSWER_S = 3.0
"""How long the database may take to answer before it counts as away."""
OUTBOX_LATE_S = 600.0
"""Age of the oldest due owed row from which the outbox is in trouble."""


class Health:
    """Collects the rooms' figures and answers for the node."""

    def __init__(
        self,
        settings: Settings,
        commit: Commit,
        disk: Disk,
        *,
        doors: Sequence[SmtpListener],
        outbox: Outbox,
        relays: Relays,
        ingest: Ingest,
    ) -> None:
        self.is_ready = False
        self._inside = settings.http.inside
        self._commit = commit
        self._clock: Clock = commit.clock
        self._disk = disk
        self._ingest = ingest
        self._doors = doors
        self._outbox = outbox
        self._relays = relays
        self._roster = [one.email for one in settings.consultants]
        self._zone = ZoneInfo(settings.desk.timezone)
        self._relay = f"{settings.relay.host}:{settings.relay.port}"
        self._since: dict[tuple[str, str], datetime] = {}
        self._figures: Figures | None = None
        self._looking: asyncio.Task[Figures] | None = None
        self._registry = CollectorRegistry()
        self._opened = Counter(
            "ventanilla_incidents_opened",
            "Incidents opened by this node.",
            ["channel", "severity"],
            registry=self._registry,
        )
        self._broken = Counter(
            "ventanilla_promises_broken", "Promises that passed unkept.", ["kind"], registry=self._registry
        )
        self._registry.register(_Gauges(self))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    def note(self, decision: Decision) -> None:
        """Count what a committed decision did."""
        for change in decision.incidents:
            if change.before is None:
                self._opened.labels(change.after.channel, str(change.after.severity.value)).inc()
        for event in decision.events:
            if event.kind is EventKind.PROMISE_BROKEN:
                self._broken.labels(event.text.partition(":")[0]).inc()

    async def _look(self) -> Figures | None:
        """Return the ledger's figures, None when it does not answer in ANSWER_S.

        A question that hangs is not given up: taking it back asks the same server, and may hang as well. Whoever asks
        meanwhile waits for it too, so that one is under way at most.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._commit.store.read(figures(self._clock.now())))
        await asyncio.wait([self._looking], timeout=ANSWER_S)
        is_answered = self._looking.done() and not self._looking.cancelled()
        try:
            self._figures = self._looking.result() if is_answered else None
        except (StoreAway, TimeoutError):
            self._figures = None
        return self._figures

    async def _readyz(self, _request: web.Request) -> web.Response:
        is_ready = self.is_ready and await self._look() is not None and self._commit.away_since is None
        return web.json_response({"ready": is_ready}, status=200 if is_ready else 503)

    async def _healthz(self, _request: web.Request) -> web.Response:
        problems = self._problems(await self._look())
        status = "trouble" if problems else "ok"
        return web.json_response({"status": status, "problems": problems}, status=503 if problems else 200)

    def _problems(self, seen: Figures | None) -> list[dict[str, Any]]:
        now = self._clock.now()
        waiting = seen.outbox_waiting if seen else 0
        found = [*self._troubles(seen), *self._outbox.troubles(now, waiting), *self._relays.troubles(now)]
        found += [*self._disk.troubles(), *self._unreached(seen)]
        known = {(one.part, one.name): one.since or now for one in found}
        self._since = {key: min(since, self._since.get(key, since)) for key, since in known.items()}
        return [
            {"part": one.part, "name": one.name, "since": self._said(one), "why": one.why, "do": one.do}
            for one in found
        ]

    def _said(self, one: Trouble) -> str:
        return self._since[one.part, one.name].astimezone(self._zone).isoformat(timespec="seconds")

    def _unreached(self, seen: Figures | None) -> list[Trouble]:
        """Return whom of the roster mail does not reach, by the setting that names the address: it is not shown."""
        places = {one.lower(): place for place, one in enumerate(self._roster)}
        return [
            Trouble(
                "consultant",
                key := f"consultants.{places[address.lower()]}.email",
                f"mail to {key} was refused, given up or came back; its notices go to the next contact",
                "correct the address, or its mailbox; `ventanilla incident` and the held items say what was answered",
                since,
            )
            for address, since in (seen.unreached.items() if seen else ())
            if address.lower() in places
        ]

    def _troubles(self, seen: Figures | None) -> list[Trouble]:
        found = []
        if not self.is_ready:
            found.append(Trouble("node", "start", "the node is starting or stopping", "wait, or look at its log"))
        found += self._store_troubles(seen)
        if seen is not None and seen.outbox_oldest_s > OUTBOX_LATE_S:
            found.append(Trouble("outbox", "late", "mails wait too long", "look at relay.host and the relay's log"))
        if not self._outbox.is_relay_reached:
            why = f"{self._relay} cannot be reached, or turns everybody down"
            found.append(
                Trouble("relay", "reach", why, "start it, or correct [relay]; mails wait and leave themselves")
            )
        return found

    def _store_troubles(self, seen: Figures | None) -> list[Trouble]:
        found = []
        if seen is None:
            why, do = "the database does not answer", "start it, or look at its log and its machine"
            found.append(Trouble("database", "answer", why, do))
        if self._commit.away_since is not None:
            why = "the database takes nothing that is to be written; mails are told to try later"
            do = "free its disk, end what locks it, make it writable, or start it; the log's store_away says why"
            found.append(Trouble("database", "write", why, do, self._commit.away_since))
        if self._commit.store.is_log_large():
            why = "the log beside the SQLite file grows: a program has been reading the file for long"
            found.append(Trouble("database", "log", why, "end that program (`fuser` on the file names it)"))
        return found

    async def _metrics(self, request: web.Request) -> web.Response:
        if not self._is_inside(request.remote):
            return web.Response(status=403, text="only from http.inside\n")
        await self._look()
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    def _is_inside(self, remote: str | None) -> bool:
        address = ipaddress.ip_address(remote) if remote else None
        return address is not None and any(address in network for network in self._inside)

    def families(self) -> list[Metric]:
        """Return what is read at the moment of asking."""
        accepted = CounterMetricFamily("ventanilla_mails_accepted", "Mails stored.", labels=["transport"])
        for door in self._doors:
            accepted.add_metric([door.transport], door.counters.accepted)
        accepted.add_metric([Transport.PIPE], self._ingest.carried[Transport.PIPE])
        refused = CounterMetricFamily("ventanilla_mails_refused", "Mails and sessions refused.", labels=["reason"])
        for reason, count in sum((door.counters.refused for door in self._doors), Counted()).items():
            refused.add_metric([reason], count)
        delivered = CounterMetricFamily("ventanilla_deliveries", "Mails a relay took.", labels=["relay"])
        for relay, count in self._relays.taken.items():
            delivered.add_metric([relay], count)
        room = GaugeMetricFamily("ventanilla_disk_free_bytes", "Free on the disk watched.", value=self._disk.free())
        found: list[Metric] = [accepted, refused, delivered, room]
        seen = self._figures
        if seen is not None:
            for name, text, value in (
                ("ventanilla_outbox_waiting", "Owed rows that wait.", seen.outbox_waiting),
                ("ventanilla_outbox_oldest_seconds", "Age of the oldest due owed row.", seen.outbox_oldest_s),
                ("ventanilla_held_items", "Held items that nobody decided.", seen.held),
            ):
                found.append(GaugeMetricFamily(name, text, value=value))
        return found


class _Gauges:
    """prometheus_client's form of a collector."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> list[Metric]:
        return self._health.families()
