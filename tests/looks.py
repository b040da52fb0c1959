"""What can be wrong with how a mail or page looks and reads, told without a person: for kept mails and for pages.

Promises: each fault is one sentence that names the place. What a person would see is judged in a real browser, in both
themes; words are judged as they are read. Never: judges taste (that is what `make gallery` is for).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

THEMES: Final = ("light", "dark")
# The narrowest phone we promise, in CSS pixels.
NARROWEST = 360
# WCAG 2.2, 1.4.3: what text needs that is not large; we ask it of all text.
CONTRAST_MIN = 4.5
LOOK = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")
STYLE_SHEET = re.compile(r"<style\b.*?</style>", re.DOTALL)

# How a day stands beside a clock time, by language: in full, or short and then followed by its number («mar 24»; a
# lone «mar» would be March too).
DAYS: Final[Mapping[str, str]] = {
    "es": r"\b(lunes|martes|miércoles|jueves|viernes|sábado|domingo|(lun|mar|mié|jue|vie|sáb|dom) \d{1,2})\b",
    "en": r"\b((Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ([A-Z][a-z]{2} )?\d{1,2})\b",
}
# Not the minutes, seconds or offset of a raw instant, which is a fault of its own.
CLOCK = re.compile(r"(?<![\w:+])\d{1,2}:\d{2}\b")
# How much before a clock time must stand in the facts as well for the time to be a stranger's words and not ours.
QUOTED_BEFORE = 8
RAW_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÑ¿¡])|\n")
UNFILLED = re.compile(r"\bNone\b|\{\{|\{%")
DOUBLED_BLANK = re.compile(r"\n[ \t]*\n[ \t]*\n")


async def faults_of_looks(page: Page, html: str) -> list[str]:
    """Return what is wrong with a document at the page's width, theme by theme."""
    await page.set_content(html)
    return await faults_on_show(page)


async def faults_without_sheet(page: Page, html: str) -> list[str]:
    """Return what is wrong in a mail program that drops style sheets, as several do: it knows one theme, the light."""
    await page.emulate_media(color_scheme="light")
    await page.set_content(STYLE_SHEET.sub("", html))
    return [f"without its style sheet: {fault}" for fault in await page.evaluate(LOOK, CONTRAST_MIN)]


async def faults_on_show(page: Page) -> list[str]:
    """Return what is wrong with what the page already shows, theme by theme; it is left in the last theme."""
    faults = []
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        faults += [f"{theme}: {fault}" for fault in await page.evaluate(LOOK, CONTRAST_MIN)]
    return faults


def faults_of_text_part(text: str, language: str, facts: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a text part: its words, and its blank lines."""
    doubled = [f"a doubled blank line after «{text[: found.start()][-40:]}»" for found in DOUBLED_BLANK.finditer(text)]
    return doubled + faults_of_words(text, language, facts)


def faults_of_words(text: str, language: str, facts: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with words as they are read. What `facts` hold of strangers' words is not ours to judge."""
    strange = [words for words in strings(facts) if not RAW_INSTANT.match(words)]
    faults = [
        f"{found.group()!r} in «{sentence.strip()}»"
        for sentence in SENTENCE_END.split(text)
        for found in (*UNFILLED.finditer(sentence), *RAW_INSTANT.finditer(sentence))
        if not any(found.group() in words for words in strange)
    ]
    return faults + list(times_without_day(text, language, strange))


def times_without_day(text: str, language: str, strange: Iterable[str]) -> Iterator[str]:
    """Give each clock time of ours that stands in a sentence which does not name the day."""
    strange = [" ".join(words.split()) for words in strange]
    for sentence in SENTENCE_END.split(text):
        if re.search(DAYS[language], sentence):
            continue
        for found in CLOCK.finditer(sentence):
            before = sentence[max(0, found.start() - QUOTED_BEFORE) : found.end()].strip()
            if not any(before in words for words in strange):
                yield f"{found.group()} without its day in «{sentence.strip()}»"


def strings(value: object) -> Iterator[str]:
    """Give every string inside facts, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
