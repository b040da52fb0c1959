"""The named list: what goes wrong in a plan, at which steps, on which engine; and the plan that a seed is.

Faults are of three makes. Some strike a node that stands still at a step of its own work, some tear or repeat what a
client hands in, some are a relay's. Steps of a node are told by the places it passes (tests/faults/places.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.engines import ENGINES
from tests.faults.places import AFTER, BEFORE


class Fault(StrEnum):
    """What goes wrong."""

    KILLED = "kill -9"
    SUSPENDED = "suspended, then continued"
    READER_KILLED = "its reader is killed"
    CLOCK_AHEAD = "the clock jumps hours ahead"
    CLOCK_BACK = "the clock jumps hours back"
    DISK_FULL = "the disk is full"
    LOCKED = "another process locks the file"
    SERVER_RESTARTED = "the database server is restarted"
    SERVER_KILLED = "the database server dies and comes back"
    CONNECTIONS_ENDED = "the server ends the node's connections"
    CLIENT_TORN = "the client's connection tears"
    COPIED = "one mail is delivered twice"
    RELAY_TORN = "the relay's connection tears"
    RELAY_HANGS = "the relay hangs, then goes away"
    RELAY_REFUSES = "the relay refuses for now"


class Step(StrEnum):
    """Where it strikes."""

    BEFORE_STORING = "before a mail's commit"
    BEFORE_250 = "between the commit and the 250"
    WITH_READER = "while a reader has a mail"
    BEFORE_ACT = "before an act's commit"
    AFTER_ACT = "after an act's commit"
    BEFORE_DATA = "before DATA"
    IN_DATA = "in the middle of DATA"
    AFTER_DATA = "after DATA, before its reply"
    BEFORE_RESULT = "before the commit of a sending"
    AFTER_RESULT = "after the commit of a sending"
    AT_ONCE = "both at the same moment"
    LATER = "one after the answer to the other"


def _is_commit(when: str, *tables: str) -> Callable[[str, str], bool]:
    def matches(side: str, name: str) -> bool:
        return side == when and name.startswith("commit: ") and set(tables) <= set(name.split()[1:])

    return matches


def _is_write(when: str, start: str) -> Callable[[str, str], bool]:
    return lambda side, name: side == when and name.startswith(start)


PASSED: Mapping[Step, Callable[[str, str], bool]] = {
    Step.BEFORE_STORING: _is_commit(BEFORE, "+arrivals"),
    Step.BEFORE_250: _is_write(BEFORE, "smtp> 250 2.0.0 Mail stored"),
    Step.WITH_READER: _is_write(AFTER, "reader> "),
    Step.BEFORE_ACT: _is_commit(BEFORE, "+incidents"),
    Step.AFTER_ACT: _is_commit(AFTER, "+incidents"),
    Step.BEFORE_DATA: _is_write(BEFORE, "relay> DATA"),
    Step.AFTER_DATA: _is_write(AFTER, "relay> content"),
    Step.BEFORE_RESULT: _is_commit(BEFORE, "+messages", "~owed"),
    Step.AFTER_RESULT: _is_commit(AFTER, "+messages", "~owed"),
}
"""By which places a node passes a step: given the side and the name of one."""

NODE_STEPS = tuple(PASSED)
THREE = (Step.BEFORE_STORING, Step.BEFORE_ACT, Step.AFTER_DATA)
"""One step of taking a mail in, one of its act, one of its answer."""
OF_NODES: Mapping[Fault, tuple[Step, ...]] = {
    Fault.KILLED: NODE_STEPS,
    Fault.SUSPENDED: THREE,
    Fault.READER_KILLED: (Step.WITH_READER,),
    Fault.CLOCK_AHEAD: THREE,
    Fault.CLOCK_BACK: THREE,
    Fault.DISK_FULL: THREE,
    Fault.LOCKED: THREE,
    Fault.SERVER_RESTARTED: (*THREE, Step.BEFORE_RESULT),
    Fault.SERVER_KILLED: (*THREE, Step.BEFORE_RESULT),
    Fault.CONNECTIONS_ENDED: (*THREE, Step.BEFORE_RESULT),
}
OF_CLIENTS: Mapping[Fault, tuple[Step, ...]] = {
    Fault.CLIENT_TORN: (Step.IN_DATA, Step.AFTER_DATA),
    Fault.COPIED: (Step.AT_ONCE, Step.LATER),
}
OF_RELAYS: Mapping[Fault, tuple[Step, ...]] = {
    Fault.RELAY_TORN: (Step.BEFORE_DATA, Step.IN_DATA, Step.AFTER_DATA),
    Fault.RELAY_HANGS: (Step.BEFORE_DATA, Step.AFTER_DATA),
    Fault.RELAY_REFUSES: (Step.BEFORE_DATA, Step.AFTER_DATA),
}
ONLY_ON: Mapping[Fault, str] = {
    Fault.LOCKED: "sqlite",
    Fault.SERVER_RESTARTED: "postgres",
    Fault.SERVER_KILLED: "postgres",
    Fault.CONNECTIONS_ENDED: "postgres",
}
"""A file has no server, and a server's rows are not locked by who copies a file."""
DOUBLING = frozenset({Fault.KILLED, Fault.RELAY_TORN, Fault.RELAY_HANGS})
"""After these the relay may be given the same bytes once more: SMTP has no exactly-once."""

NODE_STRIKES = 2
NTH_MAX = 3
LETTERS_TOUCHED = range(5, 14)
"""Which letters of the load clients tear or repeat: the first few are of set kinds."""
RELAY_NTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault at the nth pass of a step, counted from the strike before it; of clients: at letter `nth`."""

    fault: Fault
    step: Step
    nth: int

    def __str__(self) -> str:
        return f"{self.fault} {self.step} #{self.nth}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one seed says: strikes at nodes in their order, at clients by letter, at the relay by step and pass."""

    seed: int
    engine: str
    of_nodes: tuple[Strike, ...]
    of_clients: tuple[Strike, ...]
    of_relay: tuple[Strike, ...]

    @property
    def strikes(self) -> tuple[Strike, ...]:
        return (*self.of_nodes, *self.of_clients, *self.of_relay)


def cells(engine: str, faults: Mapping[Fault, tuple[Step, ...]], without: frozenset[Fault]) -> list[tuple[Fault, Step]]:
    """Return the cells of the named list on an engine."""
    return [
        (fault, step)
        for fault, steps in faults.items()
        if ONLY_ON.get(fault, engine) == engine and fault not in without
        for step in steps
    ]


def all_cells(without: frozenset[Fault] = frozenset()) -> list[tuple[str, Fault, Step]]:
    """Return every cell of the named list: engine, fault, step."""
    everything = {**OF_NODES, **OF_CLIENTS, **OF_RELAYS}
    return [(engine, *cell) for engine in ENGINES for cell in cells(engine, everything, without)]


def plan_of(seed: int, engine: str, without: frozenset[Fault] = frozenset()) -> Plan:
    """Return the plan of a seed. Seeds that follow one another are dealt every cell in turn; the rest is drawn."""
    chance = Random(f"{engine} {seed}")
    of_nodes = cells(engine, OF_NODES, without)
    drawn = [of_nodes[seed % len(of_nodes)], *chance.choices(of_nodes, k=NODE_STRIKES - 1)]
    of_clients = cells(engine, OF_CLIENTS, without)
    chance.shuffle(of_clients)
    letters = chance.sample(LETTERS_TOUCHED, len(of_clients))
    of_relay = cells(engine, OF_RELAYS, without)
    relay_cell = of_relay[seed % len(of_relay)]
    return Plan(
        seed,
        engine,
        tuple(Strike(fault, step, chance.randint(1, NTH_MAX)) for fault, step in drawn),
        tuple(Strike(*cell, nth) for cell, nth in zip(of_clients, letters, strict=True)),
        (Strike(*relay_cell, chance.randint(1, RELAY_NTH_MAX)),),
    )
