"""Puts the style sheet of our mails into their tags when a template is loaded: mail programs drop what stands apart.

Promises: a tag of a mail's template is styled by its classes alone, so a fragment, a macro and a whole document are all
styled alike, once per template and never per mail; what no tag can hold (the dark theme) is left for the head. Line
numbers of a template stay. Never: parses a whole template as HTML (a parser moves Jinja's words out of tables), or
fetches anything.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from css_inline import CSSInliner, InlineError
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from desk.base.errors import TemplateBroken, TemplateMissing

SHEET = "mail.css"
# Templates of mails that belong to no language: the frame and what stands in it.
SHARED = ("mail.html.j2", "mail_parts.html.j2")
HTML_ENDING = ".html.j2"
# Sets of classes whose style is kept; our templates have some forty.
STYLES_MAX = 1_024

# A start tag and its classes; what Jinja writes inside of other attributes stays as it is.
_CLASSED = re.compile(r'<(?P<tag>[a-z][a-z0-9]*)(?P<before>(?:\s[^<>]*?)?)\sclass="(?P<classes>[\w -]+)"')
_STYLE = re.compile(r'\sstyle="([^"]*)"')
_HEAD = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CLASS_LIST = re.compile(r"\.[\w-]+(?:\s*,\s*\.[\w-]+)*")


class Sheet:
    """One style sheet, ready to be put into tags. `path` is named in every complaint."""

    def __init__(self, path: Path) -> None:
        """Read the sheet. Raises TemplateMissing or TemplateBroken naming the file."""
        self.path = path
        try:
            self._css = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        except FileNotFoundError as missing:
            raise TemplateMissing(f"{path} is missing") from missing
        except UnicodeDecodeError as broken:
            raise TemplateBroken(f"{path}: {broken}") from broken
        self._style: Callable[[str], str] = lru_cache(STYLES_MAX)(self._styled)

    @cached_property
    def head(self) -> Markup:
        """What no tag can hold: the sheet's at-rules, for a `<style>` in the head."""
        page = f"<html><head><style>{self._css}</style></head><body></body></html>"
        found = _HEAD.search(self._inliner(keep_at_rules=True).inline(page))
        return Markup(" ".join(found[1].split()) if found else "")  # noqa: S704 - the operator's own style sheet

    def inlined(self, source: str) -> str:
        """Return a template with the style of its classes in every tag that names some."""
        return _CLASSED.sub(self._tag, source)

    def problems(self) -> Iterator[str]:
        """Yield what this sheet says in a way that does nothing: selectors other than a class, or several, alone."""
        for selector in _selectors(self._css):
            if not _CLASS_LIST.fullmatch(selector):
                yield f"{self.path}: «{selector}» selects nothing: a tag of a mail is styled by its classes alone"

    @cached_property
    def _in_head(self) -> frozenset[str]:
        return frozenset(name for selector in _selectors(self.head) for name in re.findall(r"\.([\w-]+)", selector))

    def _tag(self, tag: re.Match[str]) -> str:
        """Return a start tag with its style; of its classes those stay that the head speaks of."""
        style = self._style(tag["classes"])
        if not style:
            return tag[0]
        classes = " ".join(name for name in tag["classes"].split() if name in self._in_head)
        named = f' class="{classes}"' if classes else ""
        return f'<{tag["tag"]}{tag["before"]}{named} style="{style}"'

    def _styled(self, classes: str) -> str:
        try:
            styled = self._inliner().inline_fragment(f'<p class="{classes}"></p>', css=self._css)
        except InlineError as broken:
            raise TemplateBroken(f"{self.path}: {broken}") from broken
        found = _STYLE.search(styled)
        return found[1] if found else ""

    @staticmethod
    def _inliner(*, keep_at_rules: bool = False) -> CSSInliner:
        return CSSInliner(keep_at_rules=keep_at_rules, minify_css=True, load_remote_stylesheets=False)


class MailLoader(FileSystemLoader):
    """Finds templates in folders, the first that has one wins; those of HTML mails come out styled."""

    def __init__(self, roots: Sequence[Path], sheet: Sheet) -> None:
        super().__init__(roots)
        self._sheet = sheet

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        return (self._sheet.inlined(source) if _is_of_mail(template) else source), path, is_current


def _is_of_mail(template: str) -> bool:
    return template in SHARED or (template.endswith(HTML_ENDING) and "/mails/" in template)


def _selectors(css: str) -> Iterator[str]:
    """Yield every selector of a sheet without comments, those inside of @media as well."""
    for before in re.findall(r"([^{}]*)\{", css):
        selector = " ".join(before.rpartition(";")[2].split())
        if not selector.startswith("@"):
            yield selector
