"""docs/TEMPLATES.md against the templates: every public name is documented, offered and used."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2.defaults import DEFAULT_FILTERS, DEFAULT_NAMESPACE

from desk.base.languages import folders, languages, load_toml
from desk.wording.samples import SAMPLES
from desk.wording.wording import FILES, Wording

# What our own filters read beside what they are given.
READ_BY = {"said": {"at"}, "closed_days": {"at", "reason", "first", "last", "from", "until", "name"}}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "TEMPLATES.md"


def documented(section: str) -> set[str]:
    text = PAGE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w.\[\]]+)` \|", text, re.MULTILINE))


def names_of(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        yield name
        for item in value if isinstance(value, list) else ():
            if isinstance(item, Mapping):
                yield from (f"{name}[].{inner}" for inner in item)


@pytest.mark.parametrize("mail", SAMPLES)
def test_the_page_lists_exactly_the_facts_of_each_mail(mail: str) -> None:
    assert documented(mail) == {name for facts in SAMPLES[mail].values() for name in names_of(facts)}


@pytest.mark.parametrize("mail", SAMPLES)
@pytest.mark.parametrize("language", languages())
def test_every_documented_fact_is_used_by_our_templates(mail: str, language: str) -> None:
    folder = folders() / language / "mails" / mail
    text = "\n".join((folder / file).read_text() for file in FILES)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"\{[{%].*?[%}]\}", text))))
    words.update(*(read for name, read in READ_BY.items() if name in words))
    assert {name.rpartition(".")[2] for name in documented(mail)} - words == set()


def test_the_page_lists_exactly_the_names_of_every_template() -> None:
    wording = Wording("es", ZoneInfo("America/Mexico_City"))
    offered = {name for name in wording.names("es") if not name.startswith("_")}
    assert documented("In every template") == offered - set(DEFAULT_NAMESPACE)


def test_the_page_lists_exactly_our_filters() -> None:
    wording = Wording("es", ZoneInfo("America/Mexico_City"))
    assert documented("Filters") == set(wording.environment.filters) - set(DEFAULT_FILTERS)


@pytest.mark.parametrize("language", languages())
def test_every_language_offers_exactly_the_documented_ways_and_tables(language: str) -> None:
    assert documented("Ways to say an instant") == set(load_toml(language, "instants.toml")["ways"])
    assert documented("Tables of words") == set(load_toml(language, "words.toml"))


@pytest.mark.parametrize("language", languages())
def test_a_mail_has_the_same_three_files_in_every_language(language: str) -> None:
    folder = folders() / language / "mails"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {f"{mail}/{file}" for mail in SAMPLES for file in FILES}
