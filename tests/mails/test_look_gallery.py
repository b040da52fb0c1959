"""The gallery: one document that shows every kept mail as its readers have it, and pictures of the longest."""

from pathlib import Path

import pytest

from tests.browser import open_page
from tools import gallery
from tools.gallery import THEMES, WIDTHS, Kept, in_theme, kept_mails, longest, pages

COLOURS = """[...document.querySelectorAll("html, body, body *")].map((element) => {
  const style = getComputedStyle(element);
  const canvas = document.createElement("i");
  canvas.style.color = "Canvas";
  document.body.append(canvas);
  const shown = [style.color, style.backgroundColor, style.borderTopColor, getComputedStyle(canvas).color];
  canvas.remove();
  return shown.join();
})"""
CUT = """[...document.querySelectorAll("section:first-of-type iframe")]
  .filter((frame) => frame.contentDocument.documentElement.scrollHeight > frame.clientHeight).length"""
PLANTED = Kept(
    kind="mail",
    language="es",
    name="planted",
    case="dark",
    subject="",
    text="",
    html="""<!DOCTYPE html><meta name="color-scheme" content="light dark"><style>:root { color-scheme: light dark }
p { color: #111 } @media (prefers-color-scheme: dark) { p { color: #eee; background: #222 } }
@media only screen and (prefers-color-scheme:light) { p { background: #ddd } }</style><p>Hola</p>""",
)


def everything() -> list[Kept]:
    return [*kept_mails(), *pages()]


def test_the_gallery_shows_every_kept_mail_and_every_page(tmp_path: Path) -> None:
    assert gallery.main([str(tmp_path)]) == 0
    document = (tmp_path / "index.html").read_text(encoding="utf-8")
    kept = everything()
    assert {one.kind for one in kept} == {"mail", "page"}
    for one in kept:
        assert f'<section id="{one.title}">' in document
    assert document.count("<iframe") == len(kept) * len(THEMES) * len(WIDTHS)


@pytest.mark.anyio
async def test_the_gallery_opens_from_its_folder_without_a_server(tmp_path: Path) -> None:
    gallery.main([str(tmp_path)])
    first = kept_mails()[0]
    async with open_page() as page:
        await page.goto((tmp_path / "index.html").as_uri())
        assert (await page.inner_text("section pre")).split() == first.text.split()
        await page.locator("iframe").first.scroll_into_view_if_needed()
        assert (await page.frame_locator("iframe").first.locator("body").inner_text()).strip()
        assert await page.evaluate(CUT) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("theme", THEMES)
async def test_a_copy_in_a_theme_shows_what_a_reader_of_that_theme_sees(theme: str) -> None:
    other = next(one for one in THEMES if one != theme)
    async with open_page(dark=theme == "dark") as own, open_page(dark=other == "dark") as foreign:
        for one in (*longest(everything()), PLANTED):
            await own.set_content(one.html)
            await foreign.set_content(in_theme(one.html, theme))
            assert await own.evaluate(COLOURS) == await foreign.evaluate(COLOURS), one.title


@pytest.mark.anyio
async def test_the_themes_of_a_mail_do_differ() -> None:
    async with open_page() as page:
        seen = []
        for theme in THEMES:
            await page.set_content(in_theme(PLANTED.html, theme))
            seen.append(await page.evaluate(COLOURS))
    assert seen[0] != seen[1]


def test_pictures_are_of_the_longest_spanish_case_of_each_template_and_few_enough_to_be_looked_at() -> None:
    chosen = longest(everything())
    assert {one.language for one in chosen} == {"es"}
    assert {one.template for one in chosen} == {*(one.name for one in kept_mails()), "page"}
    assert len(chosen) * len(THEMES) * len(WIDTHS) <= gallery.PICTURES_MAX


def test_a_picture_is_made_a_template_width_and_theme(tmp_path: Path) -> None:
    assert gallery.main(["--pictures", str(tmp_path)]) == 0
    expected = {
        f"{one.title}.{width}.{theme}.png" for one in longest(everything()) for width in WIDTHS for theme in THEMES
    }
    assert {path.name for path in tmp_path.iterdir() if path.stat().st_size} == expected
