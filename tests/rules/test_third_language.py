"""A language is one folder: laid in `desk.templates`, it says every mail, page and word of a terminal (words.7).

Its words are those of the Spanish folder with a mark at each, so that a word that comes from anywhere else shows.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.because import Part
from desk.base.languages import folders, load_toml
from desk.rules.calendar import Calendar
from desk.wording.counting import Counting
from desk.wording.page_samples import PAGE_SAMPLES
from desk.wording.samples import SAMPLES
from desk.wording.terminal import Terminal
from desk.wording.why import Why
from desk.wording.wording import Wording
from tests.rules.test_terminal import INCIDENT, LISTED

ZONE = ZoneInfo("America/Mexico_City")
OFFICE = dict.fromkeys(range(5), ((540, 1140),))
OURS, NEW = "es", "pt"
MARK = "ø"
# Tables that are said; the others are looked for in what people write, and stay as they are.
SAID = ("instants.toml", "words.toml", "terminal.toml", "calendar.toml", "why.toml")
# What a form fills in, what Jinja and HTML say to themselves, and the words between them.
IN_TABLE = re.compile(r"\{[^{}]*\}|[^\W\d_]+")
IN_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>|&\w+;|[^\W\d_]+", re.DOTALL)
LITERALS = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
WORD = re.compile(r"[^\W\d_]{2,}")


def marked(text: str, pieces: re.Pattern[str] = IN_TABLE) -> str:
    return pieces.sub(lambda piece: piece[0] + MARK if piece[0].isalpha() else piece[0], text)


def marked_all(value: Any) -> Any:
    if isinstance(value, str):
        return marked(value)
    if isinstance(value, list):
        return [marked_all(item) for item in value]
    return {key: marked_all(item) for key, item in value.items()} if isinstance(value, dict) else value


def toml(table: Mapping[str, Any], name: str = "") -> str:
    """Return a table as TOML: plain values first, then the tables in it."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{name}]"] if name else []
    lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in plain.items()]
    inner = [toml(table[key], ".".join(filter(None, (name, json.dumps(key))))) for key in table if key not in plain]
    return "\n".join((*lines, *inner))


@pytest.fixture(scope="module")
def laid_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `desk.templates` with one language and nothing else."""
    root = tmp_path_factory.mktemp("templates")
    delimiter = load_toml(OURS, "reading.toml")["delimiters"][0]
    for path in (folders() / OURS).rglob("*"):
        to = root / NEW / path.relative_to(folders() / OURS)
        if path.is_dir():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.name in SAID:
            to.write_text(toml(marked_all(load_toml(OURS, path.name))), encoding="utf-8")
        elif path.suffix == ".j2":
            to.write_text(marked(path.read_text(encoding="utf-8"), IN_TEMPLATE), encoding="utf-8")
        else:
            to.write_text(path.read_text(encoding="utf-8").replace(delimiter, marked(delimiter)), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def wording(laid_over: Path) -> Wording:
    return Wording(OURS, ZONE, laid_over)


@pytest.fixture(scope="module")
def literals(laid_over: Path) -> set[str]:
    """The words that the folder's own templates write inside of Jinja."""
    texts = [path.read_text(encoding="utf-8") for path in laid_over.rglob("*.j2")]
    return {word for text in texts for jinja in LITERALS.findall(text) for word in WORD.findall(jinja)}


def strings_of(facts: object) -> Iterator[str]:
    """Yield every string in facts, the names of their keys left out."""
    if isinstance(facts, Mapping):
        yield from (text for value in facts.values() for text in strings_of(value))
    elif isinstance(facts, list | tuple):
        yield from (text for value in facts for text in strings_of(value))
    else:
        yield str(facts)


def unmarked(shown: str, facts: object, allowed: set[str]) -> set[str]:
    """Return the words shown that come neither from the folder nor from the facts."""
    foreign = {word for text in strings_of(facts) for word in WORD.findall(text)} | allowed
    return {word for word in WORD.findall(shown) if not word.endswith(MARK)} - foreign


def visible(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)))


@pytest.mark.done("words.7")
def test_a_language_from_a_folder_alone_has_no_mistake(wording: Wording) -> None:
    assert NEW in wording.languages
    assert wording.check() == []


@pytest.mark.done("words.7")
@pytest.mark.parametrize(("mail", "sample"), [(mail, sample) for mail in SAMPLES for sample in SAMPLES[mail]])
def test_a_language_from_a_folder_alone_says_every_mail(
    wording: Wording, literals: set[str], mail: str, sample: str
) -> None:
    facts = SAMPLES[mail][sample]
    is_in_ours = facts.get("language") == OURS  # a notice tells it when it is not the reader's own
    said = wording.render(mail, NEW, {**facts, "language": NEW} if is_in_ours else facts)
    assert said.language == NEW
    assert f'<html lang="{NEW}">' in said.html
    assert MARK in said.subject
    for shown in (said.subject, said.text, visible(said.html)):
        assert unmarked(shown, facts, literals) == set()
    assert said.text.replace(MARK, "") == wording.render(mail, OURS, facts).text


@pytest.mark.done("words.7")
@pytest.mark.parametrize(("page", "sample"), [(page, name) for page in PAGE_SAMPLES for name in PAGE_SAMPLES[page]])
def test_a_language_from_a_folder_alone_says_every_page(
    wording: Wording, literals: set[str], page: str, sample: str
) -> None:
    facts = PAGE_SAMPLES[page][sample]
    html = wording.page(page, NEW, facts)
    assert f'lang="{NEW}"' in html
    assert MARK in visible(html)
    assert unmarked(visible(html), facts, literals) == set()


@pytest.mark.done("words.7")
def test_a_language_from_a_folder_alone_is_spoken_in_the_terminal(laid_over: Path, wording: Wording) -> None:
    terminal = Terminal(NEW, laid_over)
    shown = (
        *terminal.dossier(INCIDENT),
        terminal.headings(150),
        terminal.listed(LISTED, ZONE, 150),
        terminal.nothing(),
    )
    assert unmarked("\n".join(shown), (INCIDENT, LISTED), set()) == set()
    why = Why(wording.speech(NEW), ZONE, laid_over)
    assert unmarked("\n".join(why.text("INC-100425", dict.fromkeys(Part, ()))), ["INC"], set()) == set()


@pytest.mark.done("words.7")
def test_a_language_from_a_folder_alone_explains_a_promise(laid_over: Path, figure: Callable[[str], None]) -> None:
    friday_evening = datetime(2026, 11, 14, 0, 40, tzinfo=UTC)
    explained = Calendar.of(ZONE, OFFICE, "").explain(friday_evening, 480)
    lines = Counting(NEW, ZONE, laid_over).explained(explained)
    assert len(lines) > 1
    assert unmarked("\n".join(lines), ["min"], set()) == set()
    figure(lines[0])
