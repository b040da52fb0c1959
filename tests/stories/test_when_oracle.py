"""`ventanilla when -` against an oracle that knows nothing of the house and looks at every minute (tests/oracle.py)."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from tests import oracle
from tests.oracle import MEXICAN, Oracle, Shut, Span

HOME = Path(__file__).parents[2]
MEXICO, MADRID = "America/Mexico_City", "Europe/Madrid"
FIRST_DAY, LAST_DAY = date(2026, 1, 1), date(2030, 12, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
PROMISES_MIN = 10_000
RANDOM_LINES = 1_200
TIMEOUT_S = 300

OFFICE: dict[int, tuple[Span, ...]] = dict.fromkeys(range(5), ((540, 1140),))
SPLIT: dict[int, tuple[Span, ...]] = {
    **dict.fromkeys(range(4), ((480, 840), (930, 1080))),
    4: ((0, 60), (480, 840), (1080, 1440)),
    5: ((0, 30), (600, 780)),
}
OVER_THE_CHANGE: dict[int, tuple[Span, ...]] = {
    0: ((0, 60), (540, 1140)),
    5: ((1200, 1440),),
    6: ((0, 150), (165, 200), (1380, 1440)),
}

CLOSURES = """closures = [
    "2026-12-24", "2027-03-25 Jueves Santo", "2026-12-28/2026-12-31", "2028-07-03/2028-07-14 mudanza",
    "2026-11-24 09:30/10:30", "2027-12-24 14:00/24:00 Nochebuena", "2029-04-02/2029-04-06 00:00/12:15 media jornada",
    "2030-09-30 18:00/24:00", "2028-07-10 10:00/11:00 dentro de otro", "2029-04-04 12:00/13:00 encimado",
    "2030-11-15/2030-11-19 puente",
]"""
SHUT = (
    Shut(date(2026, 12, 24), date(2026, 12, 24)),
    Shut(date(2027, 3, 25), date(2027, 3, 25)),
    Shut(date(2026, 12, 28), date(2026, 12, 31)),
    Shut(date(2028, 7, 3), date(2028, 7, 14)),
    Shut(date(2026, 11, 24), date(2026, 11, 24), (570, 630)),
    Shut(date(2027, 12, 24), date(2027, 12, 24), (840, 1440)),
    Shut(date(2029, 4, 2), date(2029, 4, 6), (0, 735)),
    Shut(date(2030, 9, 30), date(2030, 9, 30), (1080, 1440)),
    Shut(date(2028, 7, 10), date(2028, 7, 10), (600, 660)),
    Shut(date(2029, 4, 4), date(2029, 4, 4), (720, 780)),
    Shut(date(2030, 11, 15), date(2030, 11, 19)),
)
SPLIT_HOURS = """[calendar.hours]
mon = ["08:00-14:00", "15:30-18:00"]
tue = ["08:00-14:00", "15:30-18:00"]
wed = ["08:00-14:00", "15:30-18:00"]
thu = ["08:00-14:00", "15:30-18:00"]
fri = ["00:00-01:00", "08:00-14:00", "18:00-24:00"]
sat = ["00:00-00:30", "10:00-13:00"]
"""
CHANGE_HOURS = """[calendar.hours]
mon = ["00:00-01:00", "09:00-19:00"]
sat = ["20:00-24:00"]
sun = ["00:00-02:30", "02:45-03:20", "23:00-24:00"]
"""
OWN_TARGETS = """[promises]
first_attention = "90m"
resolution = "1d"
[promises.severity.1]
first_attention = "10h"
[promises.severity.2]
resolution = "10h1m"
[promises.severity.3]
first_attention = "1m"
resolution = "45m"
"""


@dataclass(frozen=True)
class Desk:
    """A configuration as the operator writes it, and the same as the oracle was told."""

    config: str
    zone: str
    hours: dict[int, tuple[Span, ...]]
    holidays: tuple[date, ...]
    targets: Span
    shut: tuple[Shut, ...] = ()
    severity: int | None = None


DESKS = {
    "as shipped": Desk("", MEXICO, OFFICE, MEXICAN, (120, 480)),
    "as shipped, severity 3": Desk("", MEXICO, OFFICE, MEXICAN, (120, 480), severity=3),
    "closures of every form": Desk(f"[calendar]\n{CLOSURES}\n", MEXICO, OFFICE, MEXICAN, (120, 480), SHUT),
    "several spans": Desk(SPLIT_HOURS, MEXICO, SPLIT, MEXICAN, (120, 480)),
    "several spans, closures, own targets": Desk(
        f"[calendar]\n{CLOSURES}\n{SPLIT_HOURS}{OWN_TARGETS}", MEXICO, SPLIT, MEXICAN, (90, 1440), SHUT
    ),
    "Madrid, open over the change of clocks": Desk(
        f'[desk]\ntimezone = "{MADRID}"\n[calendar]\nholidays = ""\n{CHANGE_HOURS}',
        MADRID,
        OVER_THE_CHANGE,
        (),
        (120, 480),
    ),
    "own targets, severity 1": Desk(OWN_TARGETS, MEXICO, OFFICE, MEXICAN, (600, 1440), severity=1),
    "own targets, severity 2": Desk(OWN_TARGETS, MEXICO, OFFICE, MEXICAN, (90, 601), severity=2),
    "own targets, severity 3": Desk(OWN_TARGETS, MEXICO, OFFICE, MEXICAN, (1, 45), severity=3),
}


def moments(desk: Desk, seed: int) -> Iterator[datetime]:
    """Yield when somebody writes: every Friday evening, weekends, holidays, closures, clock changes, and anywhere."""
    zone, random = ZoneInfo(desk.zone), Random(seed)
    for week in range(DAYS // 7):
        friday = FIRST_DAY + timedelta(days=1 + 7 * week)
        for hour, minute, second in ((18, 59, 0), (19, 0, 0), (18, 59, 59)):
            yield datetime(friday.year, friday.month, friday.day, hour, minute, second, tzinfo=zone)
        weekend = friday + timedelta(days=random.choice((1, 2)))
        yield datetime(weekend.year, weekend.month, weekend.day, random.randrange(24), tzinfo=zone)
    days = {day for one in desk.shut for day in (one.first, one.last, one.last - timedelta(days=1))}
    for day in sorted(days | set(MEXICAN) | set(changes_of_clocks(zone))):
        if FIRST_DAY < day < LAST_DAY:
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
            yield from (midnight + timedelta(minutes=random.randrange(-600, 2000)) for _ in range(6))
    start = datetime(FIRST_DAY.year, 1, 1, tzinfo=UTC)
    for _ in range(RANDOM_LINES):
        yield start + timedelta(seconds=random.randrange(DAYS * 86400))


def changes_of_clocks(zone: ZoneInfo) -> Iterator[date]:
    noons = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=days) for days in range(DAYS)]
    for before, after in pairwise(noons):
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield after.date()


def written(at: datetime, zone: ZoneInfo, form: int) -> str:
    """Write an instant in one of the forms that people write."""
    local = at.astimezone(zone)
    if form == 0 and local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return local.replace(tzinfo=None).isoformat()
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if form == 1 else local.isoformat()


def asked(desk: Desk, lines: list[str], folder: Path) -> list[dict[str, object]]:
    """Ask the real command, one process for all lines."""
    own = folder / "own.toml"
    own.write_text(desk.config, encoding="utf-8")
    severity = [] if desk.severity is None else ["--severity", str(desk.severity)]
    done = subprocess.run(
        [sys.executable, "-m", "ventanilla", "when", "-", *severity, "--config", str(own)],
        cwd=HOME,
        env={name: value for name, value in os.environ.items() if not name.startswith("VENTANILLA_")},
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def counted(explanation: object) -> int:
    assert isinstance(explanation, list)
    return sum(int(found[1]) for line in explanation if (found := re.search(r": (\d+) min", line)))


@pytest.mark.done("words.1")
def test_no_promise_differs_from_one_counted_minute_by_minute(tmp_path: Path, figure: Callable[[str], None]) -> None:
    promises, differences = 0, []
    for seed, (name, desk) in enumerate(DESKS.items()):
        second = Oracle(desk.zone, desk.hours, desk.holidays, desk.shut)
        zone = ZoneInfo(desk.zone)
        ats = list(moments(desk, seed))
        answers = asked(desk, [written(at, zone, place % 3) for place, at in enumerate(ats)], tmp_path)
        assert len(answers) == len(ats)
        for at, answer in zip(ats, answers, strict=True):
            expected = [second.due(at, minutes) for minutes in desk.targets]
            promises += len(expected)
            if [answer["first_attention"], answer["resolution"]] != expected:
                differences.append((name, at.isoformat(), expected, answer))
            assert answer["severity"] == desk.severity
            assert counted(answer["explanation"]) == max(desk.targets)
    assert differences == []
    assert promises >= PROMISES_MIN
    figure(f"{len(differences)} differences in {promises} promises of {len(DESKS)} configurations, {DAYS} days")


def test_the_oracle_imports_nothing_of_the_house() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert {str(name).partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_oracle_notices_an_hour_that_is_another(tmp_path: Path) -> None:
    longer = Oracle(MEXICO, dict.fromkeys(range(5), ((540, 1141),)), MEXICAN)
    evening = datetime(2030, 9, 30, 18, 30, tzinfo=ZoneInfo(MEXICO))
    assert longer.due(evening, 120) == "2030-10-02T10:29:00-06:00"
    (answer,) = asked(DESKS["as shipped"], [evening.isoformat()], tmp_path)
    assert answer["first_attention"] == "2030-10-02T10:30:00-06:00"
