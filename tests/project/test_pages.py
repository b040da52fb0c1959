"""docs/TEMPLATES.md against the pages: every public name of a page is documented, given and used."""

import re

import pytest

from desk.base.languages import folders, languages
from desk.wording.page_samples import PAGE_SAMPLES
from tests.project.test_templates import documented, names_of

FRAME = (folders() / "page.html.j2").read_text(encoding="utf-8")
OWN = {page: documented(f"page {page}") for page in PAGE_SAMPLES}
# What our own filters read beside what they are given.
READ_BY_FILTERS = {"at"}


@pytest.mark.parametrize("page", PAGE_SAMPLES)
def test_the_document_lists_exactly_the_facts_of_each_page(page: str) -> None:
    given = {name for facts in PAGE_SAMPLES[page].values() for name in names_of(facts)}
    assert documented("every page") | OWN[page] == given


@pytest.mark.parametrize("page", PAGE_SAMPLES)
@pytest.mark.parametrize("language", languages())
def test_every_documented_fact_is_used_by_our_pages(page: str, language: str) -> None:
    text = FRAME + (folders() / language / "pages" / f"{page}.html.j2").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", " ".join(re.findall(r"\{[{%].*?[%}]\}", text, re.DOTALL)))) | READ_BY_FILTERS
    assert {name.rpartition(".")[2] for name in documented("every page") | OWN[page]} - words == set()
