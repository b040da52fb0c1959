"""Every kept mail and every page in a real browser, in both themes on the narrowest phone, and its words (words.2)."""

from collections.abc import Callable

import pytest

from desk.wording.page_samples import PAGE_SAMPLES
from desk.wording.samples import SAMPLES
from tests.browser import open_page
from tests.looks import (
    NARROWEST,
    THEMES,
    faults_of_looks,
    faults_of_text_part,
    faults_of_words,
    faults_without_sheet,
)
from tools.gallery import MAIL, Kept, kept_mails, pages

HEAD = '<!DOCTYPE html><meta name="color-scheme" content="light dark">'
SOUND = f"{HEAD}<p>Primera atención: hoy, martes 24 de noviembre, antes de las 12:20.</p>"
# A document with something wrong, and what must be said of it.
BAD_LOOKS = (
    (f"{HEAD}<table width=2000><tr><td>Hola</table>", "light: scrolls sideways"),
    (f"{HEAD}<pre>{'Hola ' * 80}</pre>", "dark: scrolls sideways"),
    (f"{HEAD}<p style='overflow:hidden;white-space:nowrap;width:9999px;max-width:100%'>{'Hola ' * 80}", "cut off"),
    (f"{HEAD}<p style='color:#999;background:#fff'>Hola", "light: contrast 2.85 of «Hola»"),
    (f"{HEAD}<p style='color:#333'>Hola", "dark: contrast"),
    (
        f"{HEAD}<body style='background:#222;color:#eee'><p style='background:rgba(255,255,255,.6)'>Hola",
        "light: contrast",
    ),
    (f"{HEAD}<p style='opacity:.4'>Hola", "light: contrast"),
    (f"{HEAD}<p style='color:#fff'>Hola", "light: contrast 1.00"),
    (f"{HEAD}<style>@media (prefers-color-scheme:dark){{p{{color:#444}}}}</style><p>Hola", "dark: contrast"),
    (f"{HEAD}<p style='background:linear-gradient(red,blue)'>Hola", "a picture behind"),
)
RESTS_ON_SHEET = f"{HEAD}<style>.button {{ background: #036 }}</style><p class=button style='color:#fff'>Hola"
HIDDEN = (
    f"{HEAD}<div style='display:none;color:#fff'>Hola</div>",
    f"{HEAD}<div style='max-height:0;overflow:hidden;color:#fff'>Hola</div>",
    f"{HEAD}<div style='opacity:0;font-size:1px'>Hola</div>",
    f"{HEAD}<style>p {{ color: #fff }}</style>",
)
BAD_WORDS = (
    ("es", "Hola, None:", "'None'"),
    ("es", "Hola, {{ name }}:", "'{{'"),
    ("en", "Hi{% if name %}", "'{%'"),
    ("es", "Se envió 2026-11-24T16:20:00+00:00.", "'2026-11-24T16:'"),
    ("es", "Hola:\n\n\nRecibimos su solicitud.", "a doubled blank line after «Hola:»"),
    ("es", "Hola:\n \n\t\nRecibimos su solicitud.", "a doubled blank line"),
    ("es", "Solución: hoy antes de las 18:20.", "18:20 without its day"),
    ("es", "Lo vemos el martes 24. Solución: antes de las 18:20.", "18:20 without its day"),
    ("es", "Solución: antes de las 18:20 (24 mar 2026)", "18:20 without its day"),
    ("en", "Solved today before 18:20.", "18:20 without its day"),
)
SOUND_WORDS = (
    ("es", "Solución: hoy, martes 24 de noviembre, antes de las 18:20."),
    ("es", "antes de las 12:20 (mar 24 nov)"),
    ("en", "Solved before 18:20 on Tuesday, 24 November."),
    ("en", "before 6:20 p.m. (Tue 24 Nov)"),
    ("en", "before 6:20 p.m. (Tue Nov 24)"),
    ("es", "Dice «desde las 10:00 nadie puede»."),
)
A_STRANGERS = {"text": "Hola:\ndesde las 10:00 nadie puede\ntimbrar", "at": "2026-11-24T16:20:00+00:00"}


@pytest.mark.anyio
@pytest.mark.done("words.2")
async def test_every_kept_mail_fits_a_phone_and_can_be_read_in_both_themes(figure: Callable[[str], None]) -> None:
    kept = kept_mails()
    faults: list[str] = []
    async with open_page(width=NARROWEST) as page:
        for one in kept:
            looks = await faults_of_looks(page, one.html)
            words = faults_of_words(await page.inner_text("body"), one.language, facts_of(one))
            bare = await faults_without_sheet(page, one.html)
            faults += [f"{one.title}: {fault}" for fault in looks + words + bare]
    assert faults == []
    figure(f"{len(kept)} mails at {NARROWEST} px in {len(THEMES)} themes: no fault")


@pytest.mark.anyio
@pytest.mark.done("words.2")
async def test_every_page_fits_a_phone_and_can_be_read_in_both_themes(figure: Callable[[str], None]) -> None:
    shown = pages()
    faults: list[str] = []
    async with open_page(width=NARROWEST) as page:
        for one in shown:
            looks = await faults_of_looks(page, one.html)
            words = faults_of_words(await page.inner_text("body"), one.language, facts_of(one))
            faults += [f"{one.title}: {fault}" for fault in looks + words]
    assert faults == []
    figure(f"{len(shown)} pages at {NARROWEST} px in {len(THEMES)} themes: no fault")


@pytest.mark.done("words.2")
@pytest.mark.parametrize("one", kept_mails(), ids=lambda one: one.title)
def test_a_kept_text_part_has_no_hole_and_no_time_without_its_day(one: Kept) -> None:
    assert faults_of_text_part(f"{one.subject}\n\n{one.text}", one.language, facts_of(one)) == []


@pytest.mark.anyio
@pytest.mark.done("words.2")
async def test_what_looks_bad_is_said() -> None:
    async with open_page(width=NARROWEST) as page:
        assert await faults_of_looks(page, SOUND) == []
        for html, expected in BAD_LOOKS:
            assert expected in "\n".join(await faults_of_looks(page, html)), html
        for html in HIDDEN:
            assert await faults_of_looks(page, html) == [], html
        assert await faults_of_looks(page, RESTS_ON_SHEET) == []
        assert "without its style sheet: contrast" in "\n".join(await faults_without_sheet(page, RESTS_ON_SHEET))


@pytest.mark.done("words.2")
@pytest.mark.parametrize(("language", "text", "expected"), BAD_WORDS)
def test_words_that_read_bad_are_said(language: str, text: str, expected: str) -> None:
    (fault,) = faults_of_text_part(text, language, A_STRANGERS)
    assert expected in fault


@pytest.mark.parametrize(("language", "text"), SOUND_WORDS)
def test_words_that_read_well_are_left_alone(language: str, text: str) -> None:
    assert faults_of_text_part(text, language, A_STRANGERS) == []


def facts_of(one: Kept) -> dict[str, object]:
    return dict((SAMPLES if one.kind == MAIL else PAGE_SAMPLES)[one.name][one.case])
