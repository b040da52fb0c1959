"""Finds a mail's templates by language, lies the operator's folder over ours, and renders frozen facts (DESIGN 5).

Promises: a mail of a language is one folder of three files; the file in `desk.templates` wins over ours, file by file;
an undefined variable is an error, found by `check` before the first mail; only HTML files are escaped, and all foreign
text is made harmless before a template sees it. Never: decides by the name of a language, or touches a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template, TemplateNotFound, pass_context
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import Context

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.base.languages import folders, languages, load_toml
from desk.wording.checking import folder_problems, template_problems
from desk.wording.harmless import greeted, harmless, line
from desk.wording.html import broken_lines
from desk.wording.links import mailto
from desk.wording.page import Pages
from desk.wording.samples import SAMPLES
from desk.wording.speech import Speech, Tables
from desk.wording.styles import HTML_ENDING, SHARED, SHEET, MailLoader, Sheet

# The three files of a mail's folder.
FILES = ("subject.txt.j2", "body.txt.j2", "body.html.j2")
# Under this name the filters find the language of the template they stand in.
SPEECH = "_speech"
# Under this name the bodies of a mail find its subject, so that a button opens a mail that threads with it.
OWN_SUBJECT = "own_subject"
# Longest subject, in characters; a longer one would only be an operator's template gone wrong.
SUBJECT_MAX = 200


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail in words, LF line ends. `language` is the one it is written in. `text` is complete without `html`."""

    subject: str
    text: str
    html: str
    language: str


class Wording:
    """All words of the house in all its languages. One is made at start and shared; it holds no state but caches."""

    def __init__(self, settings_language: str, timezone: ZoneInfo, override: Path | None = None) -> None:
        """Read every language's words. Raises TemplateMissing or TemplateBroken naming the file."""
        self.root = folders()
        self.roots = (self.root,) if override is None else (override, self.root)
        found = languages(self.root) if override is None else (*languages(self.root), *languages(override))
        self.languages = tuple(sorted(set(found)))
        if settings_language not in self.languages:
            raise TemplateMissing(f"desk.language {settings_language}: no such folder in {self._searched()}")
        self._default = settings_language
        self._speech = {code: self._speech_of(code, timezone) for code in self.languages}
        self._sheet = Sheet(self._root_of(Path(SHEET)) / SHEET)
        self.environment = _environment(MailLoader(self.roots, self._sheet))
        self._globals = {code: self._globals_of(speech) for code, speech in self._speech.items()}
        self._pages = Pages(self.environment, self._globals, self.roots)
        self.page_style = self._pages.style_digest
        self._mails: dict[tuple[str, str], tuple[Template, ...]] = {}

    def language(self, wanted: str) -> str:
        """Return the language that a mail in `wanted` is written in: itself when we have it, else the desk's own."""
        return wanted if wanted in self._speech else self._default

    def speech(self, language: str) -> Speech:
        """Return how a language says instants and words; the desk's own when we have no such language."""
        return self._speech[self.language(language)]

    def names(self, language: str) -> frozenset[str]:
        """Return the names that every template of a language may use beside its mail's facts."""
        return frozenset(self._globals[language])

    def render(self, mail: str, language: str, facts: Mapping[str, Any]) -> Rendered:
        """Return a mail in a language, or in the desk's own when we have no such language.

        `facts` are those of docs/TEMPLATES.md. The same facts give the same words. Raises TemplateMissing when no
        folder has the mail and TemplateBroken when a template fails on these facts.
        """
        language = self.language(language)
        templates = self._mails.get((mail, language)) or self._load(mail, language)
        context = self._globals[language] | harmless(facts)
        try:
            subject = context[OWN_SUBJECT] = line(_said(templates[0], context), SUBJECT_MAX)
            text, html = (_said(template, context) for template in templates[1:])
        except JinjaError as broken:
            raise TemplateBroken(f"{language}/mails/{mail}: {broken}") from broken
        return Rendered(subject, text, html, language)

    def page(self, page: str, language: str, facts: Mapping[str, Any]) -> str:
        """Return a page in a language, or in the desk's own. Raises TemplateMissing or TemplateBroken as `render`."""
        return self._pages.render(page, self.language(language), facts)

    def template(self, mail: str, language: str, file: str) -> Template:
        """Return one compiled template. Raises TemplateMissing or TemplateBroken naming the file."""
        name = f"{language}/mails/{mail}/{file}"
        try:
            return self.environment.get_template(name)
        except TemplateNotFound as missing:
            raise TemplateMissing(f"{name} is missing: looked in {self._searched()}") from missing
        except JinjaError as broken:
            where = f"{getattr(broken, 'filename', None) or name}:{getattr(broken, 'lineno', 0)}"
            raise TemplateBroken(f"{where}: {broken}") from broken

    def check(self) -> list[str]:
        """Return everything wrong with the words of all languages, each with file and line; empty when all is well."""
        problems = [problem for speech in self._speech.values() for problem in speech.problems()]
        problems += self._sheet.problems()
        for shared in SHARED:
            problems += template_problems(self.environment, shared, [self._globals[self._default]])
        for code in self.languages:
            for mail, samples in SAMPLES.items():
                contexts = [self._globals[code] | harmless(facts) for facts in samples.values()]
                for file in FILES:
                    problems += template_problems(self.environment, f"{code}/mails/{mail}/{file}", contexts)
        for root in self.roots:
            problems += folder_problems(root, self.languages, SAMPLES, FILES)
        problems += self._pages.problems()
        return problems

    def _load(self, mail: str, language: str) -> tuple[Template, ...]:
        loaded = self._mails[mail, language] = tuple(self.template(mail, language, file) for file in FILES)
        return loaded

    def _globals_of(self, speech: Speech) -> dict[str, Any]:
        """Return what every template of a language may name beside its facts (docs/TEMPLATES.md)."""
        named = {"delimiter": speech.delimiter, "zone": speech.zone, "own_language": speech.code}
        named |= {OWN_SUBJECT: "", "style": self._sheet.head}
        return {**self.environment.globals, **named, SPEECH: speech}

    def _speech_of(self, code: str, timezone: ZoneInfo) -> Speech:
        instants, words, reading = (self._toml(code, name) for name in ("instants.toml", "words.toml", "reading.toml"))
        if not reading.get("delimiters"):
            raise TemplateBroken(f"{code}/reading.toml: delimiters is missing: the first is the line above our quotes")
        return Speech(code, timezone, Tables(instants=instants, words=words, delimiter=reading["delimiters"][0]))

    def _toml(self, code: str, name: str) -> dict[str, Any]:
        """Return a language's table from the first folder that has it."""
        return load_toml(code, name, self._root_of(Path(code, name)))

    def _root_of(self, file: Path) -> Path:
        """Return the first folder that has a file; ours when none has."""
        return next((root for root in self.roots if (root / file).is_file()), self.root)

    def _searched(self) -> str:
        return " and ".join(map(str, self.roots))


def _is_html(name: str | None) -> bool:
    """Tell whether a template is escaped. Jinja's own select_autoescape does not know names that end in .html.j2."""
    return bool(name and name.endswith(HTML_ENDING))


def _environment(loader: MailLoader) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=_is_html,  # noqa: S701 - every HTML template is escaped, plain text must not be
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=-1,  # as many as there are files
    )
    environment.filters.update(line=line, greeted=greeted, broken_lines=broken_lines, mailto=mailto)
    environment.filters.update(said=said, dated=dated, closed_days=closed_days, word=word, size=size)
    return environment


def _said(template: Template, context: dict[str, Any]) -> str:
    """Return what `template.render(context)` does, without copying the context once more for each of three files."""
    return "".join(template.root_render_func(template.new_context(context, shared=True)))


@pass_context
def said(context: Context, instant: str, way: str) -> str:
    """Filter: an instant in a way of instants.toml, seen from the day of the fact `at`."""
    return _speech(context).instant(way, instant, context["at"])


@pass_context
def dated(context: Context, day: str) -> str:
    """Filter: a date by itself, with its weekday."""
    return _speech(context).dated(day, context["at"])


@pass_context
def closed_days(context: Context, days: Sequence[Mapping[str, str]]) -> str:
    """Filter: the days on which the desk is closed, with their reasons, as one clause."""
    return _speech(context).closed(days, context["at"])


@pass_context
def word(context: Context, value: object, table: str) -> str:
    """Filter: a value in the words of a table of words.toml."""
    return _speech(context).word(table, value)


@pass_context
def size(context: Context, octets: int) -> str:
    """Filter: a number of octets as a file's size."""
    return _speech(context).size(octets)


def _speech(context: Context) -> Speech:
    speech = context[SPEECH]
    assert isinstance(speech, Speech)
    return speech
