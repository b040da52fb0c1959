"""Pages for people: a template a page and language in one frame, with one style sheet, rendered from facts (DESIGN 5).

Promises: as for mails, the file in `desk.templates` wins, an undefined variable is an error that `problems` finds, and
facts are made harmless and escaped. A page is complete in itself: no script, nothing fetched, its style in its head, so
that a policy may allow that one style by its digest and nothing else. Never: decides by the name of a language.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template, TemplateNotFound
from jinja2 import TemplateError as JinjaError
from markupsafe import Markup

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.wording.checking import template_problems
from desk.wording.harmless import harmless
from desk.wording.page_samples import PAGE_SAMPLES

FOLDER = "pages"
ENDING = ".html.j2"
FRAME = "page.html.j2"
"""What stands around every page, in every language."""
SHEET = "page.css"
FRAMED = "not_found"
"""A page that has only the facts every page has: what the frame may name."""
PAGE_STYLE = "page_style"
"""Under this name the frame finds the style sheet."""


class Pages:
    """All pages in all languages. Made once at start by `Wording`, whose environment and names it shares."""

    def __init__(self, environment: Environment, names: Mapping[str, Mapping[str, Any]], roots: Sequence[Path]) -> None:
        """`names` are what templates of each language may use beside facts. Raises TemplateMissing, TemplateBroken."""
        self._environment = environment
        self._roots = roots
        style = _style(roots)
        self.style_digest = "sha256-" + b64encode(sha256(style.encode()).digest()).decode()
        """The style's digest, as a Content-Security-Policy names it."""
        self._names = {code: {**named, PAGE_STYLE: Markup(style)} for code, named in names.items()}  # noqa: S704 - ours

    def render(self, page: str, language: str, facts: Mapping[str, Any]) -> str:
        """Return a page in one of our languages. `facts` are those of docs/TEMPLATES.md.

        Raises TemplateMissing when no folder has the page and TemplateBroken when a template fails on these facts.
        """
        try:
            return self._template(page, language).render(self._names[language] | harmless(facts))
        except JinjaError as broken:
            raise TemplateBroken(f"{language}/{FOLDER}/{page}: {broken}") from broken

    def problems(self) -> Iterator[str]:
        """Yield everything wrong with the pages of all languages, each with file and line."""
        frames = [named | harmless(facts) for named in self._names.values() for facts in PAGE_SAMPLES[FRAMED].values()]
        yield from template_problems(self._environment, FRAME, frames)
        for code, named in self._names.items():
            for page, samples in PAGE_SAMPLES.items():
                contexts = [named | harmless(facts) for facts in samples.values()]
                yield from template_problems(self._environment, _name(code, page), contexts)
        for root in self._roots:
            yield from self._unread(root)

    def _template(self, page: str, language: str) -> Template:
        name = _name(language, page)
        try:
            return self._environment.get_template(name)
        except TemplateNotFound as missing:
            searched = " and ".join(map(str, self._roots))
            raise TemplateMissing(f"{missing.name or name} is missing: looked in {searched}") from missing

    def _unread(self, root: Path) -> Iterator[str]:
        """Yield each file under a language's pages that nothing would ever read: a slip in its name."""
        known = {f"{page}{ENDING}" for page in PAGE_SAMPLES}
        for code in self._names:
            for path in sorted((root / code / FOLDER).glob("*")):
                if path.name not in known:
                    yield f"{path}: nothing reads this file; known are {', '.join(sorted(known))}"


def _name(language: str, page: str) -> str:
    return f"{language}/{FOLDER}/{page}{ENDING}"


def _style(roots: Sequence[Path]) -> str:
    """Return the style sheet from the first folder that has it."""
    path = next((root / SHEET for root in roots if (root / SHEET).is_file()), roots[-1] / SHEET)
    try:
        style = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as missing:
        raise TemplateMissing(f"{path} is missing") from missing
    except UnicodeDecodeError as broken:
        raise TemplateBroken(f"{path}: {broken}") from broken
    if "</" in style:
        line = style[: style.index("</")].count("\n") + 1
        raise TemplateBroken(f"{path}:{line}: a style sheet must not contain «</»: it would end the page's style")
    return style
