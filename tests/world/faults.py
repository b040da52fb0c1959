"""The named list of faults, where each can strike, and the plan of a life: which strike, and at which pass."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from enum import StrEnum
from random import Random


class Place(StrEnum):
    """Where a process meets what is outside its memory."""

    READ = "read"
    COMMIT = "commit"
    COMMITTED = "committed"
    DOOR = "door"
    READER = "reader"
    SUBMIT = "submit"
    TAKEN = "taken"


class Fault(StrEnum):
    """What can go wrong. `run` shows how often each struck; none may stay at zero."""

    KILLED_READING = "killed while it reads the ledger"
    KILLED_BEFORE_COMMIT = "killed before a commit"
    KILLED_AFTER_COMMIT = "killed after a commit"
    KILLED_BEFORE_250 = "killed between the commit and the 250"
    KILLED_WITH_READER = "killed while a mail is read"
    KILLED_BEFORE_DATA = "killed before the relay has a mail"
    KILLED_AFTER_DATA = "killed after the relay took a mail"
    AWAY_READING = "the store is away for a read"
    AWAY_BEFORE_COMMIT = "the store is away for a commit"
    AWAY_AFTER_COMMIT = "a commit is done and its answer is lost"
    AWAY_FOR_LONG = "the store is away for a while"
    SLOW_COMMIT = "a commit takes seconds"
    READER_DIES_ONCE = "a reader dies"
    READER_DIES_TWICE = "a reader dies twice on a mail"
    REFUSED_NOW = "the relay refuses for now"
    REFUSED_FOR_GOOD = "the relay refuses for good"
    RELAY_AWAY = "the relay cannot be reached"
    TORN_BEFORE_DATA = "the relay's connection tears before DATA"
    TORN_IN_DATA = "it tears in DATA and the mail is not taken"
    TORN_AFTER_DATA = "it tears after DATA and the mail is taken"
    SLOW_RELAY = "the relay takes its time"
    # By whoever plays the life, not by the pass of a place:
    CLOCK_AHEAD = "the clock jumps ahead under load"
    CLOCK_BACK = "the clock jumps back"
    COPY_AT_ONCE = "one mail by two doors at once"
    COPY_LATER = "one mail again later"
    COPY_ANOTHER_WAY = "one mail again with other Received lines"
    COPY_ENCODED = "one mail again in another encoding"
    REPEATED_UNHEARD = "a sender repeats what got no 250"
    GAVE_UP = "a sender goes away without a 250"
    NODES_RACE = "two nodes on one store"


STRIKES: Mapping[Place, tuple[tuple[Fault, ...], int]] = {
    Place.READ: ((Fault.KILLED_READING, Fault.AWAY_READING), 40),
    Place.COMMIT: (
        (Fault.KILLED_BEFORE_COMMIT, Fault.AWAY_BEFORE_COMMIT, Fault.AWAY_FOR_LONG, Fault.SLOW_COMMIT),
        20,
    ),
    Place.COMMITTED: ((Fault.KILLED_AFTER_COMMIT, Fault.AWAY_AFTER_COMMIT), 20),
    Place.DOOR: ((Fault.KILLED_BEFORE_250,), 4),
    Place.READER: ((Fault.KILLED_WITH_READER, Fault.READER_DIES_ONCE, Fault.READER_DIES_TWICE), 5),
    Place.SUBMIT: (
        (
            Fault.KILLED_BEFORE_DATA, Fault.REFUSED_NOW, Fault.REFUSED_FOR_GOOD, Fault.RELAY_AWAY,
            Fault.TORN_BEFORE_DATA, Fault.TORN_IN_DATA, Fault.SLOW_RELAY,
        ),
        8,
    ),
    Place.TAKEN: ((Fault.KILLED_AFTER_DATA, Fault.TORN_AFTER_DATA), 6),
}  # fmt: skip
"""What strikes where, and among how many passes of that place the one is drawn."""
KILLS = frozenset(fault for fault in Fault if fault.name.startswith("KILLED"))
OFTEN = (Place.COMMIT, Place.COMMIT, Place.COMMITTED, Place.COMMITTED, Place.SUBMIT, Place.SUBMIT)
"""Where a desk has most to lose: drawn more often than the other places."""
STRIKES_MAX = 5


class Plan:
    """What strikes in one life."""

    def __init__(self, random: Random) -> None:
        self._due: dict[Place, dict[int, Fault]] = defaultdict(dict)
        self._passed: Counter[Place] = Counter()
        self.struck: Counter[Fault] = Counter()
        for _ in range(random.randint(0, STRIKES_MAX)):
            place = random.choice((*Place, *OFTEN))
            faults, among = STRIKES[place]
            self._due[place][random.randint(1, among)] = random.choice(faults)

    def strike(self, place: Place) -> Fault | None:
        """Count a pass of a place and return what strikes there."""
        self._passed[place] += 1
        fault = self._due[place].pop(self._passed[place], None)
        if fault is not None:
            self.struck[fault] += 1
        return fault

    def end(self) -> None:
        """Let nothing strike any more."""
        self._due.clear()
