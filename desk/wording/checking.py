"""Finds what is wrong with the templates before the first mail needs them: each problem names file and line.

Promises: every template of every language is compiled, every name in it is one that docs/TEMPLATES.md lists, and each
is rendered with all samples of its mail. Never: stops at the first problem, or sends anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any

from jinja2 import Environment, Template, TemplateNotFound, TemplateSyntaxError, meta, nodes
from jinja2 import TemplateError as JinjaError

from desk.base.errors import TemplateBroken

TEMPLATE_ENDING = ".j2"
# What a template can raise when it is given the right facts: ours, Jinja's, and those of Python's operators.
TEMPLATE_ERRORS = (TemplateBroken, JinjaError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


def template_problems(environment: Environment, name: str, contexts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with one template: missing, no template, names unknown variables, or fails on a sample."""
    contexts = list(contexts)
    try:
        template = environment.get_template(name)
    except TemplateNotFound:
        yield f"{name} is missing"
        return
    except TemplateSyntaxError as broken:
        yield f"{broken.filename or name}:{broken.lineno}: {broken.message}"
        return
    unknown = list(_unknown_names(environment, name, set().union(*contexts)))
    yield from unknown
    if unknown:
        return
    failures = {_failure(template, context) for context in contexts}
    yield from sorted(failures - {""})


def folder_problems(root: Path, languages: Iterable[str], mails: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """Yield each file under a language's mails that nothing would ever read: a slip in the name of a mail or file."""
    known = {Path(mail, file) for mail in mails for file in files}
    for language in languages:
        folder = root / language / "mails"
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.relative_to(folder) not in known:
                yield f"{path}: nothing reads this file; known are {', '.join(sorted(map(str, known)))}"


def _unknown_names(environment: Environment, name: str, known: set[str]) -> Iterator[str]:
    assert environment.loader is not None
    source, path, _ = environment.loader.get_source(environment, name)
    tree = environment.parse(source)
    unknown = meta.find_undeclared_variables(tree) - known - set(_imported(tree))
    for node in tree.find_all(nodes.Name):
        if node.name in unknown:
            unknown.discard(node.name)
            yield f"{path}:{node.lineno}: '{node.name}' is no variable of this mail"


def _imported(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template takes from others: Jinja knows them inside of its blocks, `meta` does not."""
    for node in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in node.names)


def _failure(template: Template, context: Mapping[str, Any]) -> str:
    """Return what a rendering fails of and where, "" when it does not."""
    try:
        template.render(context)
    except TEMPLATE_ERRORS as broken:
        frames = list(walk_tb(broken.__traceback__))
        inside = [(f.f_code.co_filename, line) for f, line in frames if f.f_code.co_filename.endswith(TEMPLATE_ENDING)]
        path, line = inside[-1]
        return f"{path}:{line}: {broken}"
    return ""
