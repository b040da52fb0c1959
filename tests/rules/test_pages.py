"""What wording promises of pages: complete in every language, laid over by file, harmless, mistakes found at start."""

import re
import shutil
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.base.languages import folders, languages
from desk.wording.page_samples import PAGE_SAMPLES
from desk.wording.wording import Wording

MEXICO = ZoneInfo("America/Mexico_City")
STATUS = PAGE_SAMPLES["status"]
ALL_PAGES = [(page, name, code) for page, named in PAGE_SAMPLES.items() for name in named for code in languages()]
FOREIGN = "<script>alert(1)</script>\r\n\0\u202e{{ 7 * 7 }}" + "w" * 10_000


@pytest.fixture(scope="module")
def wording() -> Wording:
    return Wording("es", MEXICO)


def laid_over(tmp_path: Path, file: str, text: str) -> Wording:
    """The shipped words with one file of the operator's over them."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return Wording("es", MEXICO, tmp_path)


PRESSED = ("mailto:", "?lang=", "abc/")
"""What links of a page begin with: a mail, the page in another language, a download under the page's own token."""


@pytest.mark.parametrize(("page", "sample", "language"), ALL_PAGES)
def test_a_page_is_complete_without_a_script_or_anything_fetched(
    wording: Wording, page: str, sample: str, language: str
) -> None:
    text = wording.page(page, language, PAGE_SAMPLES[page][sample])
    assert text.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert text.count("<h1") == 1
    assert re.search(r"<title>.+</title>", text)
    assert re.findall(r"<(?:script|link|img|iframe|form|object)|\s(?:src|style|on\w+)=", text) == []
    assert [href for href in re.findall(r'href="([^"]*)"', text) if not href.startswith(PRESSED)] == []
    words = re.sub(r"<style>.*?</style>|<[^>]+>", "", text, flags=re.DOTALL)
    for wrong in ("None", "{{", "{%", "..", " ,", "T18:"):
        assert wrong not in words


def test_the_digest_is_that_of_the_style_as_it_stands_on_the_page(wording: Wording) -> None:
    style = re.search(r"<style>(.*?)</style>", wording.page("status", "es", STATUS["open"]), re.DOTALL)
    assert style is not None
    assert wording.page_style == "sha256-" + b64encode(sha256(style[1].encode()).digest()).decode()


def test_every_state_says_something_else(wording: Wording) -> None:
    for language in languages():
        states = {name: wording.page("status", language, facts) for name, facts in STATUS.items()}
        assert len(set(states.values())) == len(states)


def test_foreign_text_is_harmless_on_a_page(wording: Wording) -> None:
    facts = {**STATUS["open"], "desk_name": FOREIGN, "desk_address": FOREIGN, "number": FOREIGN}
    text = wording.page("status", "es", facts)
    assert "<script>" not in text
    assert "49" not in text
    assert not set("\0\r\u202e") & set(text)
    assert len(text) < 100_000


def test_a_page_of_the_operators_folder_lies_over_ours_and_the_rest_stays(tmp_path: Path, wording: Wording) -> None:
    own = laid_over(tmp_path, "es/pages/not_found.html.j2", "<p>No es nuestra: {{ desk_name }}</p>")
    assert own.check() == []
    facts = PAGE_SAMPLES["not_found"]["usual"]
    assert own.page("not_found", "es", facts) == "<p>No es nuestra: Mesa de Servicio</p>"
    assert own.page("status", "es", STATUS["open"]) == wording.page("status", "es", STATUS["open"])


def test_the_operators_style_sheet_is_the_pages_own(tmp_path: Path, wording: Wording) -> None:
    own = laid_over(tmp_path, "page.css", "body { color: #102030 }")
    assert "<style>body { color: #102030 }</style>" in own.page("status", "es", STATUS["open"])
    assert own.page_style != wording.page_style


def test_a_style_sheet_that_would_end_its_tag_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TemplateBroken, match=r"page\.css:2: .*«</»"):
        laid_over(tmp_path, "page.css", "body { margin: 0 }\n</style><script>")


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        pytest.param(
            "es/pages/status.html.j2",
            '{% extends "page.html.j2" %}\n{% block main %}\n{{ nmber }}\n{% endblock %}',
            r"status\.html\.j2:3: 'nmber' is no variable",
            id="a misspelt variable",
        ),
        pytest.param(
            "en/pages/expired.html.j2", "<p>\n{% if number %}\n", r"expired\.html\.j2:\d: .*", id="an unclosed block"
        ),
        pytest.param("page.html.j2", "<p>{{ nada }}</p>", r"page\.html\.j2:1: 'nada' is no variable", id="the frame"),
        pytest.param(
            "es/pages/status.html.j2", "\n{{ times[9].due }}", r"status\.html\.j2:2: .*", id="facts it cannot use"
        ),
        pytest.param(
            "es/pages/estado.html.j2", "x", r"estado\.html\.j2: nothing reads this file", id="a slip in a name"
        ),
    ],
)
def test_a_mistake_in_a_page_is_found_at_start_with_file_and_line(
    tmp_path: Path, file: str, text: str, complaint: str
) -> None:
    problems = laid_over(tmp_path, file, text).check()
    assert [problem for problem in problems if re.search(complaint, problem)] != []


def test_a_language_that_lacks_a_page_is_found_at_start(tmp_path: Path) -> None:
    shutil.copytree(folders() / "es", tmp_path / "nah")
    (tmp_path / "nah" / "pages" / "away.html.j2").unlink()
    own = Wording("es", MEXICO, tmp_path)
    assert own.check() == ["nah/pages/away.html.j2 is missing"]
    assert "INC-100425" in own.page("status", "nah", STATUS["open"])
    with pytest.raises(TemplateMissing, match=r"nah/pages/away\.html\.j2 is missing"):
        own.page("away", "nah", PAGE_SAMPLES["away"]["usual"])


def test_facts_that_a_page_cannot_use_are_an_error_that_names_it(wording: Wording) -> None:
    with pytest.raises(TemplateBroken, match="es/pages/status"):
        wording.page("status", "es", PAGE_SAMPLES["not_found"]["usual"])
