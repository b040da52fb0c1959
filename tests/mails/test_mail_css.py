"""What our mails say in HTML and CSS is understood by Gmail, Outlook and iOS: caniemail.toml lists what is not."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.base.languages import languages
from desk.wording.samples import SAMPLES
from desk.wording.wording import Wording

UNSUPPORTED = tomllib.loads(Path(__file__).with_name("caniemail.toml").read_text(encoding="utf-8"))
WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
EVERY = [(language, mail, sample) for language in languages() for mail in SAMPLES for sample in SAMPLES[mail]]
# The one thing a head may hold: who does not know it shows the light theme, or makes a dark one of its own.
DARK = "@media (prefers-color-scheme: dark)"
# Fetched or run: none of it belongs in a mail, whatever a program supports.
FOREIGN = frozenset({"img", "script", "iframe", "object", "embed", "link", "base", "form", "font"})
CSS = re.compile(r"\s*([\w-]+)\s*:\s*([^;]+?)\s*(?:;|$)")


@dataclass
class Seen(HTMLParser):
    """Every tag of a mail, and the style sheets in its head."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> says an attribute twice"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and data.strip():
            self.sheets.append(data)


def faults_of(html: str) -> Iterator[str]:
    """Yield what a mail says that one of the programs does not understand."""
    seen = Seen()
    seen.feed(html)
    for tag, attributes in seen.tags:
        if tag in UNSUPPORTED["element"] or tag in FOREIGN:
            yield f"<{tag}>"
        yield from (f"{name}=" for name in attributes if name in UNSUPPORTED["attribute"])
        yield from (f"{name}= runs something" for name in attributes if name.startswith("on"))
        yield from faults_of_declarations(attributes.get("style", ""))
    for sheet in seen.sheets:
        yield from faults_of_sheet(sheet)


def faults_of_sheet(sheet: str) -> Iterator[str]:
    for at_rule, inside in re.findall(r"(@[^{]+?)\s*\{((?:[^{}]*\{[^{}]*\})*)\s*\}", sheet):
        if at_rule != DARK:
            yield at_rule
        for selectors, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", inside):
            yield from (one for one in selectors.split(",") if not re.fullmatch(r"\s*\.[\w-]+\s*", one))
            yield from faults_of_declarations(declarations)
    rest = re.sub(r"@[^{]+\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", sheet)
    if rest.strip():
        yield f"outside of the dark theme: {rest.strip()}"


def faults_of_declarations(css: str) -> Iterator[str]:
    declarations = CSS.findall(css)
    if len(declarations) != len([one for one in css.split(";") if one.strip()]):
        yield f"no declarations: {css}"
    for name, value in declarations:
        words = value.replace("!important", "").strip()
        if name in UNSUPPORTED["property"] or name.startswith("--"):
            yield name
        if f"{name}:{words}" in UNSUPPORTED["value"] or set(words.split()) & set(UNSUPPORTED["value"]):
            yield f"{name}: {value}"
        yield from (
            f"{called}()" for called in re.findall(r"([\w-]+)\(", words) if called in {*UNSUPPORTED["function"], "url"}
        )
        units = {*re.findall(r"\d([a-z]+)\b", words), *re.findall(r"\b(initial)\b", words)} if "#" not in words else ()
        yield from (f"{name}: {value}" for unit in units if unit in UNSUPPORTED["unit"])


@pytest.mark.done("words.2")
@pytest.mark.parametrize(("language", "mail", "sample"), EVERY)
def test_a_mail_says_nothing_that_gmail_outlook_or_ios_do_not_understand(language: str, mail: str, sample: str) -> None:
    assert list(faults_of(WORDING.render(mail, language, SAMPLES[mail][sample]).html)) == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p style='display:flex'>", "display: flex"),
        ("<p style='border-radius:4px'>", "border-radius"),
        ("<p style='margin:0;float:left'>", "float"),
        ("<p style='width:calc(100% - 2px)'>", "calc()"),
        ("<p style='color:rgba(0,0,0,.5)'>", "rgba()"),
        ("<p style='background:url(x)'>", "url()"),
        ("<p style='padding:1rem'>", "padding: 1rem"),
        ("<p style='margin'>", "no declarations: margin"),
        ("<section>", "<section>"),
        ("<img src=x>", "<img>"),
        ("<a target=_blank>", "target="),
        ("<a onclick=x>", "onclick= runs something"),
        ("<style>@font-face { .a { color: red } }</style>", "@font-face"),
        (f"<style>{DARK} {{ .a > .b {{ color: red }} }}</style>", " .a > .b "),
        (f"<style>{DARK} {{ .a {{ opacity: 1 }} }}</style>", "opacity"),
        ("<style>.a { color: red }</style>", "outside of the dark theme: .a { color: red }"),
    ],
)
def test_what_a_program_does_not_understand_is_found(html: str, fault: str) -> None:
    assert fault.strip() in [one.strip() for one in faults_of(html)]


def test_the_list_speaks_of_the_programs_that_people_use() -> None:
    named = {program for table in UNSUPPORTED.values() for programs in table.values() for program in programs}
    assert named == {"gmail", "outlook", "ios"}
    assert UNSUPPORTED["property"]["position"] == ["gmail", "outlook"]
