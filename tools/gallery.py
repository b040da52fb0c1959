"""Shows every kept mail and page in one document to read: each language and case, as text, and as HTML on a phone and
on a desk, light and dark. With --pictures it photographs the longest Spanish case of each template.

Promises: the document stands alone in its folder and opens without a server; a mail is shown as it is kept, byte for
byte but for the theme, which an embedded document cannot be told and is therefore written into its copy. A page is
rendered from its sample facts.

Usage: python -m tools.gallery [--pictures] [FOLDER]      (default: build/gallery)
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from desk.base.languages import languages
from desk.wording.page_samples import PAGE_SAMPLES
from desk.wording.wording import Wording

ROOT = Path(__file__).resolve().parent.parent
KEPT_MAILS = ROOT / "tests" / "mails" / "kept"
FOLDER = ROOT / "build" / "gallery"
MAIL, PAGE_KIND = "mail", "page"
# The zone in which the samples fall into office hours.
ZONE = ZoneInfo("America/Mexico_City")
THEMES = ("light", "dark")
# CSS pixels: a small phone upright, and a mail program's reading pane.
WIDTHS = (360, 640)
PHOTOGRAPHED = "es"
# More than these nobody looks at.
PICTURES_MAX = 60
# What tells a document which theme its reader has, in CSS and in its head.
MEDIA = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)")
SCHEME_META = re.compile(r'(<meta name="color-scheme" content=")[^"]*(")')
SCHEME_STYLE = re.compile(r"\bcolor-scheme\s*:\s*light dark\b")
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"


@dataclass(frozen=True)
class Kept:
    """A mail or page in one language and case. A page has neither subject nor text part."""

    kind: str
    language: str
    name: str
    case: str
    subject: str
    text: str
    html: str

    @property
    def title(self) -> str:
        return f"{self.language}.{self.kind}.{self.name}.{self.case}"

    @property
    def template(self) -> str:
        """What a picture is made of: each mail is one, and all pages are, for they share one frame."""
        return self.name if self.kind == MAIL else self.kind

    @property
    def length(self) -> int:
        """How much there is to read, roughly."""
        return len(self.text or self.html)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.gallery", description="every mail and page, to be read")
    parser.add_argument("--pictures", action="store_true", help=f"photograph the longest case in {PHOTOGRAPHED}")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where to write (build/gallery)")
    asked = parser.parse_args(arguments)
    kept = [*kept_mails(), *pages()]
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.pictures:
        asyncio.run(photograph(longest(kept), asked.folder))
    else:
        (asked.folder / "index.html").write_text(gallery(kept), encoding="utf-8")
        print(f"{len(kept)} mails and pages: open {asked.folder / 'index.html'}")
    return 0


def kept_mails(folder: Path = KEPT_MAILS) -> list[Kept]:
    """Return every kept mail, by language, mail and case."""
    found = []
    for path in sorted(folder.glob("*/*.html")):
        mail, _, case = path.stem.partition(".")
        subject, _, text = path.with_suffix(".txt").read_text(encoding="utf-8").partition("\n\n")
        found.append(Kept(MAIL, path.parent.name, mail, case, subject, text, path.read_text(encoding="utf-8")))
    return found


def pages() -> list[Kept]:
    """Return every page from its samples, by language, page and case."""
    wording = Wording(PHOTOGRAPHED, ZONE)
    return [
        Kept(PAGE_KIND, language, page, case, "", "", wording.page(page, language, facts))
        for language in languages()
        for page, cases in PAGE_SAMPLES.items()
        for case, facts in cases.items()
    ]


def longest(kept: Iterable[Kept]) -> list[Kept]:
    """Return the longest case of each template in the language that is photographed."""
    found: dict[str, Kept] = {}
    for one in kept:
        template = one.template
        if one.language == PHOTOGRAPHED and (template not in found or one.length > found[template].length):
            found[template] = one
    return list(found.values())


def in_theme(html: str, theme: str) -> str:
    """Return a document as a reader of that theme has it, whatever the theme of the browser it is shown in."""
    html = MEDIA.sub(lambda found: ALWAYS if found[1] == theme else NEVER, html)
    html = SCHEME_STYLE.sub(f"color-scheme: {theme}", html)
    return SCHEME_META.sub(rf"\g<1>{theme}\g<2>", html)


def gallery(kept: list[Kept]) -> str:
    """Return the document that shows all of them."""
    links = "\n".join(f'<li><a href="#{escape(one.title)}">{escape(one.title)}</a></li>' for one in kept)
    return PAGE.format(count=len(kept), links=links, shown="\n".join(map(shown, kept)))


def shown(one: Kept) -> str:
    words = f"<h3>{escape(one.subject)}</h3>\n<pre>{escape(one.text)}</pre>" if one.text else ""
    frames = "\n".join(framed(one.html, theme, width) for theme in THEMES for width in WIDTHS)
    return SHOWN.format(title=escape(one.title), words=words, frames=frames)


def framed(html: str, theme: str, width: int) -> str:
    return FRAME.format(theme=theme, width=width, document=escape(in_theme(html, theme)))


async def photograph(kept: list[Kept], folder: Path) -> None:
    """Write one picture a template, width and theme."""
    from tests.browser import open_page  # noqa: PLC0415 - only this needs the browser

    if len(kept) * len(WIDTHS) * len(THEMES) > PICTURES_MAX:
        sys.exit(f"{len(kept)} templates make more than {PICTURES_MAX} pictures")
    for theme in THEMES:
        for width in WIDTHS:
            async with open_page(width=width, dark=theme == "dark") as page:
                for one in kept:
                    await page.set_content(one.html)
                    path = folder / f"{one.title}.{width}.{theme}.png"
                    await page.screenshot(path=path, full_page=True)
                    print(path)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Ventanilla: every mail and page</title>
<style>
body {{ margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #222; background: #f2f2f2 }}
nav {{ columns: 16em; padding: 1em 2em; background: #fff }}
nav h1 {{ font-size: 1.2em; margin: 0 }}
section {{ padding: 1em 2em; border-top: 1px solid #bbb }}
h2, h3 {{ margin: 0 0 .5em }}
pre {{ max-width: 640px; padding: 1em; background: #fff; white-space: pre-wrap; overflow-wrap: anywhere }}
figure {{ display: inline-block; vertical-align: top; margin: 0 1em 1em 0 }}
iframe {{ border: 1px solid #bbb; height: 640px }}
</style>
<script>
// Each frame is as high as what it shows. Caught on the way down, for a frame may load before this page has ended.
document.addEventListener("load", ({{ target }}) => {{
  if (target.tagName === "IFRAME") target.style.height = target.contentDocument.documentElement.scrollHeight + 2 + "px";
}}, true);
</script>
</head>
<body>
<nav>
<h1>{count} mails and pages</h1>
<ol>
{links}
</ol>
</nav>
{shown}
</body>
</html>
"""
SHOWN = """<section id="{title}">
<h2>{title}</h2>
{words}
{frames}
</section>"""
FRAME = """<figure>
<figcaption>{width} px, {theme}</figcaption>
<iframe loading="lazy" width="{width}" title="{width} px, {theme}" srcdoc="{document}"></iframe>
</figure>"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
