"""Lays the default file, the operator's file and the environment over each other, keeping where each value came from.

Promises: every mistake of form (TOML syntax, unknown keys and variables, a value where a table must be) is collected as
a Problem, none is raised; what is sound is still laid out, so that the rest can be judged too. Never: reads a value
beyond its TOML type (the kinds do), prints, or puts the value of an unknown key into a Problem: it may be a secret.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from desk.base.errors import Problem
from desk.base.kinds import shown
from desk.base.setting import Part, Setting, Shape, declarations

PREFIX = "VENTANILLA_"
SEPARATOR = "__"
FILE_SUFFIX = "_FILE"
PLACEHOLDERS = {Shape.TABLE: "", Shape.ROWS: f"0{SEPARATOR}", Shape.NAMED: f"NAME{SEPARATOR}"}
"""What stands for number or name of a part in the name of a variable."""
FILE_MAX = 4 * 1024 * 1024
"""Octets of a configuration or secret file: what is larger is something else."""
SECRET_NAME = re.compile(r"pass|pw|secret|token|key|clave|contrase|pin|cred|auth", re.IGNORECASE)
LOGIN = re.compile(r'[^\s/"]+:[^\s@]*@')
ROWS_MAX = 10_000
SHOWN_MAX = 80
"""Characters of a wrong value that a Problem repeats."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value as TOML holds it, and where it was given."""

    value: Any
    where: str


@dataclass(slots=True)
class Table:
    """A table: leaves, tables, or arrays of tables by key. `where` gave it first."""

    where: str
    entries: dict[str, "Leaf | Table | list[Table]"] = field(default_factory=dict)


def file_layer(path: Path, declares: type, problems: list[Problem]) -> Table:
    """Return a TOML file as a Table; an unreadable one is an empty Table and a Problem."""
    table = Table(str(path))
    _Placing(table.where, declares, problems).place(table, _toml(path, problems), declares, "")
    return table


def _toml(path: Path, problems: list[Problem]) -> Mapping[str, Any]:
    try:
        text = _bounded_text(path)
    except OSError as wrong:
        problems.append(Problem(str(path), "file", "", f"cannot be read: {wrong.strerror or wrong}"))
        return {}
    except ValueError as wrong:
        problems.append(Problem(str(path), "file", "", str(wrong)))
        return {}
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        problems.append(_syntax_problem(path, text, str(wrong)))
        return {}


def _bounded_text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(FILE_MAX + 1)
    if len(raw) > FILE_MAX:
        raise ValueError(f"is larger than {FILE_MAX // 1024 // 1024} MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise ValueError(f"is not UTF-8 on line {line}; save it as UTF-8") from wrong


def _syntax_problem(path: Path, text: str, reason: str) -> Problem:
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", reason)
    line = match[1] if match and match[1] else str(text.count("\n") + 1)
    return Problem(f"{path}:{line}", "not TOML", "", reason[: match.start()] if match else "nested too deeply")


@dataclass(frozen=True, slots=True)
class _Placing:
    """Puts what one file says where it belongs. `root` declares everything, for the nearest key of an unknown one."""

    where: str
    root: type
    problems: list[Problem]

    def place(self, table: Table, content: Mapping[str, Any], declares: type, key: str) -> None:
        """Put what a file says of one dataclass into a table."""
        declared = declarations(declares)
        for name, value in content.items():
            dotted = f"{key}{name}"
            match declared.get(name):
                case None:
                    shown_unknown = _shown_unknown(name, value, declared)
                    self._refuse(dotted, _unknown_key(name, key, declares, self.root), shown_unknown)
                case Setting():
                    table.entries[name] = Leaf(value, self.where)
                case Part() as part:
                    placed = self._part(part, value, dotted)
                    if placed is not None:
                        table.entries[name] = placed

    def _part(self, part: Part, value: Any, key: str) -> "Table | list[Table] | None":
        if part.shape is Shape.ROWS:
            return self._rows(part, value, key)
        if not isinstance(value, dict):
            self._refuse(key, f"is a table: write [{key}] on a line of its own")
            return None
        table = Table(self.where)
        if part.shape is Shape.TABLE:
            self.place(table, value, part.declares, f"{key}.")
            return table
        for name, content in value.items():
            one = self._part(Part(Shape.TABLE, part.declares), content, f"{key}.{name}")
            if one is not None:
                table.entries[name] = one
        return table

    def _rows(self, part: Part, value: Any, key: str) -> list[Table] | None:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            self._refuse(key, f"is an array of tables: write [[{key}]] before each")
            return None
        found = [Table(self.where) for _ in value]
        for place, row in enumerate(value):
            self.place(found[place], row, part.declares, f"{key}.{place}.")
        return found

    def _refuse(self, key: str, why: str, value: str = "") -> None:
        self.problems.append(Problem(self.where, key, value, why))


def _shown_unknown(name: str, value: Any, declared: Mapping[str, Setting | Part]) -> str:
    """Return the value of an unknown key only where no secret can be meant, neither by the key nor by its table."""
    settings = [one for one in declared.values() if isinstance(one, Setting)]
    is_near_secrets = not settings or any(one.is_secret for one in settings) or SECRET_NAME.search(name)
    return "" if is_near_secrets or isinstance(value, dict | list) else shown_value(value)


def shown_value(value: Any) -> str:
    """Return a value as it was written, on one line, not too long, without what may be a login."""
    text = f'"{value}"' if isinstance(value, str) else shown(tuple(value) if isinstance(value, list) else value)
    text = LOGIN.sub("…@", text)
    text = "".join(character if character.isprintable() else "·" for character in text)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _unknown_key(name: str, key: str, declares: type, root: type) -> str:
    siblings = get_close_matches(f"{key}{name}", [f"{key}{known}" for known in declarations(declares)], n=1)
    return f"no such key; the nearest is {siblings[0] if siblings else _nearest(f'{key}{name}', list(_keys(root)))}"


def _nearest(name: str, known: list[str]) -> str:
    return get_close_matches(name, known, n=1, cutoff=0.0)[0]


def _keys(declares: type, key: str = "") -> Iterator[str]:
    """Yield every dotted key, rows as number 0 and names as NAME."""
    for name, declared in declarations(declares).items():
        yield f"{key}{name}"
        if isinstance(declared, Part):
            middle = PLACEHOLDERS[declared.shape].replace(SEPARATOR, ".")
            yield from _keys(declared.declares, f"{key}{name}.{middle}")


def lay_over(base: Table, over: Table, declares: type) -> None:
    """Lay one table over another in place: leaves and whole parts replace, other tables are laid over key by key."""
    for name, entry in over.entries.items():
        part = declarations(declares)[name]
        below = base.entries.get(name)
        is_whole = isinstance(part, Setting) or part.is_whole
        if is_whole or not isinstance(entry, Table) or not isinstance(below, Table):
            base.entries[name] = entry
        elif isinstance(part, Part) and part.shape is Shape.NAMED:
            _lay_names_over(below, entry, part.declares)
        elif isinstance(part, Part):
            lay_over(below, entry, part.declares)


def _lay_names_over(base: Table, over: Table, declares: type) -> None:
    for name, entry in over.entries.items():
        below = base.entries.get(name)
        if isinstance(below, Table) and isinstance(entry, Table):
            lay_over(below, entry, declares)
        else:
            base.entries[name] = entry


def environment_layer(table: Table, environ: Mapping[str, str], declares: type, problems: list[Problem]) -> set[str]:
    """Lay the variables of the environment over a table in place; return the dotted keys they gave."""
    variables = sorted((_order(name), name) for name in environ if name.startswith(PREFIX))
    given: dict[str, str] = {}
    for _, name in variables:
        path = name.removeprefix(PREFIX).lower().split(SEPARATOR)
        found = _follow(_Step(table, declares, name, declares, problems), path)
        if found is None:
            continue
        key = found.step.key + found.name
        if key in given:
            problems.append(Problem(name, key, "", f"is given by {given[key]} too; keep one of them"))
            continue
        given[key] = name
        _set(found, key, environ[name])
    return set(given)


def _order(name: str) -> list[tuple[int, str]]:
    """Rows in the order of their numbers, so that 10 comes after 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in name.split(SEPARATOR)]


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a variable's name has led so far."""

    table: Table
    declares: type
    variable: str
    root: type
    problems: list[Problem]
    key: str = ""

    def into(self, table: Table, declares: type, key: str) -> "_Step":
        return replace(self, table=table, declares=declares, key=f"{self.key}{key}.")

    def refuse(self, why: str) -> None:
        self.problems.append(Problem(self.variable, "variable", "", why))


@dataclass(frozen=True, slots=True)
class _Found:
    """The key a variable sets; `is_file`: its text names a file that holds the value."""

    step: _Step
    name: str
    setting: Setting
    is_file: bool


def _follow(step: _Step, path: list[str]) -> _Found | None:
    """Follow the parts of a variable's name to the table and key it sets, making tables on the way."""
    while len(path) > 1:
        part = declarations(step.declares).get(path[0])
        if not isinstance(part, Part):
            _unknown_variable(step)
            return None
        taken = 1 if part.shape is Shape.TABLE else 2
        below = _below(step, part, path[0], path[1])
        if below is None:
            return None
        if len(path) <= taken:
            _unknown_variable(step)
            return None
        step, path = step.into(below[0], part.declares, below[1]), path[taken:]
    declared = declarations(step.declares)
    setting = declared.get(path[0])
    if isinstance(setting, Setting):
        return _Found(step, path[0], setting, is_file=False)
    base = path[0].removesuffix(FILE_SUFFIX.lower())
    secret = declared.get(base)
    if base != path[0] and isinstance(secret, Setting) and secret.is_secret:
        return _Found(step, base, secret, is_file=True)
    _unknown_variable(step)
    return None


def _below(step: _Step, part: Part, name: str, following: str) -> tuple[Table, str] | None:
    """Return the table a name leads to, made when it is not there yet, and its key; None when it cannot be."""
    if part.shape is Shape.ROWS:
        return _row(step, name, following)
    table = step.table.entries.setdefault(name, Table(step.variable))
    assert isinstance(table, Table), f"{name} is laid out as a table"
    if part.shape is Shape.TABLE:
        return table, name
    known = next((one for one in table.entries if one.lower() == following), following)
    inner = table.entries.setdefault(known, Table(step.variable))
    assert isinstance(inner, Table), f"{name}.{known} is laid out as a table"
    return inner, f"{name}.{known}"


def _row(step: _Step, name: str, following: str) -> tuple[Table, str] | None:
    if not re.fullmatch(r"[0-9]{1,5}", following) or int(following) >= ROWS_MAX:
        step.refuse(f"the part after {name.upper()}{SEPARATOR} is the number of a row, from 0")
        return None
    found = step.table.entries.setdefault(name, [])
    assert isinstance(found, list), f"{name} is laid out as rows"
    if int(following) > len(found):
        step.refuse(f"rows are numbered without gaps, and the next one of {name} is {len(found)}")
        return None
    if int(following) == len(found):
        found.append(Table(step.variable))
    return found[int(following)], f"{name}.{int(following)}"


def _unknown_variable(step: _Step) -> None:
    """Refuse a variable that names no setting."""
    name = re.sub(r"__\d+__", f"{SEPARATOR}0{SEPARATOR}", step.variable.removeprefix(PREFIX))
    known = [variable.removeprefix(PREFIX) for variable in variables(step.root)]
    step.refuse(f"no such setting; the nearest is {PREFIX}{_nearest(name, known)}")


def _set(found: _Found, key: str, text: str) -> None:
    step = found.step
    if found.is_file:
        try:
            text = _bounded_text(Path(text)).rstrip("\r\n")
        except (OSError, ValueError) as wrong:
            reason = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
            step.problems.append(Problem(step.variable, key, "", f"names a file that cannot be read: {reason}"))
            return
    step.table.entries[found.name] = Leaf(value_of(text, found.setting), step.variable)


def value_of(text: str, setting: Setting) -> Any:
    """Return what TOML would hold for a variable's text: lists as a TOML array, by commas, or a line each."""
    kind = setting.kind
    if not kind.is_list:
        return kind.from_text(text)
    if text.lstrip().startswith("["):
        try:
            return tomllib.loads(f"list = {text}")["list"]
        except tomllib.TOMLDecodeError:
            return text
    return [kind.from_text(part.strip()) for part in re.split(r"[,\n]", text) if part.strip()]


def variables(declares: type, prefix: str = PREFIX) -> Iterator[str]:
    """Yield the name of every variable, rows as number 0 and names as NAME."""
    for key, declared in declarations(declares).items():
        name = prefix + key.upper()
        if isinstance(declared, Setting):
            yield name
            if declared.is_secret:
                yield name + FILE_SUFFIX
        else:
            yield from variables(declared.declares, f"{name}{SEPARATOR}{PLACEHOLDERS[declared.shape]}")
