"""What one style sheet promises: it stands in the tags of every mail, it can be laid over, its slips are found."""

import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.base.languages import folders
from desk.wording.samples import SAMPLES
from desk.wording.styles import SHARED, SHEET, Sheet
from desk.wording.wording import Wording

MEXICO = ZoneInfo("America/Mexico_City")
ANSWER = SAMPLES["acknowledgement"]["open"]
CLASSES = re.compile(r'class="([^"]*)"')


def sheet(folder: Path, css: str) -> Sheet:
    path = folder / SHEET
    path.write_text(css, encoding="utf-8")
    return Sheet(path)


@pytest.mark.parametrize(
    ("template", "styled"),
    [
        pytest.param('<p class="a">', '<p style="margin:0">', id="a class"),
        pytest.param('<p class="b a">', '<p style="margin:0;color:red">', id="several, in the order of the sheet"),
        pytest.param('<td width="1" class="a" x>', '<td width="1" style="margin:0" x>', id="among attributes"),
        pytest.param('<td class="dark a">', '<td class="dark" style="margin:0;color:#000">', id="one the head names"),
        pytest.param('<p class="none">', '<p class="none">', id="a class without style"),
        pytest.param("<tr>{{ x | y('class=\"a\"') }}", "<tr>{{ x | y('class=\"a\"') }}", id="no tag"),
        pytest.param('<a class="a" href="{{ u }}">', '<a style="margin:0" href="{{ u }}">', id="Jinja stays"),
        pytest.param(
            '{% if x %}<td class="a">\n{% endif %}', '{% if x %}<td style="margin:0">\n{% endif %}', id="half"
        ),
    ],
)
def test_a_tag_gets_the_style_of_its_classes(tmp_path: Path, template: str, styled: str) -> None:
    css = """
    .a { margin: 0 } /* .b { margin: 1px } */
    .dark { color: #000 }
    .b { color: red }
    @media (prefers-color-scheme: dark) { .dark { color: #fff !important } }
    """
    assert sheet(tmp_path, css).inlined(template) == styled


def test_only_what_no_tag_can_hold_stands_in_the_head(tmp_path: Path) -> None:
    css = ".a { margin: 0 }\n@media (prefers-color-scheme: dark) {\n  .a { color: #fff !important }\n}\n"
    dark = "@media (prefers-color-scheme: dark) { .a { color: #fff !important } }"
    assert sheet(tmp_path, css).head == dark
    assert sheet(tmp_path, ".a { margin: 0 }").head == ""


@pytest.mark.parametrize("selector", ["p", ".a .b", ".a > .b", "p.a", "#a", "*", ".a:hover", "[x]"])
def test_a_selector_that_would_do_nothing_is_named(tmp_path: Path, selector: str) -> None:
    (problem,) = sheet(tmp_path, f".ok, .fine {{ margin: 0 }}\n{selector} {{ margin: 0 }}").problems()
    assert problem.startswith(f"{tmp_path / SHEET}: «{selector}» selects nothing")


def test_a_sheet_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateMissing, match=SHEET):
        Sheet(tmp_path / SHEET)
    (tmp_path / SHEET).write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateBroken, match=SHEET):
        Sheet(tmp_path / SHEET)


def test_every_class_of_our_mails_has_a_style_and_every_style_a_tag() -> None:
    templates = [folders() / name for name in SHARED] + [*folders().glob("*/mails/*/*.html.j2")]
    used = {name for path in templates for found in CLASSES.findall(path.read_text()) for name in found.split()}
    css = re.sub(r"/\*.*?\*/", "", (folders() / SHEET).read_text(), flags=re.DOTALL)
    styled = {name for selector in re.findall(r"([^{}]+)\{", css) for name in re.findall(r"\.([\w-]+)", selector)}
    assert used == styled


def test_the_operators_sheet_and_frame_lie_over_ours_one_file_at_a_time(tmp_path: Path) -> None:
    (tmp_path / SHEET).write_text(".big { padding: 1px }\n.note { color: #333333 }\n")
    painted = Wording("es", MEXICO, tmp_path)
    html = painted.render("acknowledgement", "es", ANSWER).html
    assert '<td style="padding:1px">' in html
    assert "prefers-color-scheme" not in html
    assert painted.check() == []
    frame = (folders() / "mail.html.j2").read_text()
    (tmp_path / "mail.html.j2").write_text(frame.replace('<body class="page">', '<body class="page">\n<p>ACME</p>'))
    framed = Wording("es", MEXICO, tmp_path)
    assert "\n<p>ACME</p>\n" in framed.render("receipt", "es", SAMPLES["receipt"]["named"]).html
    (tmp_path / SHEET).unlink()
    assert "prefers-color-scheme" in Wording("es", MEXICO, tmp_path).render("acknowledgement", "es", ANSWER).html


@pytest.mark.parametrize("file", SHARED)
def test_a_slip_in_the_frame_or_its_pieces_is_named_with_file_and_line(tmp_path: Path, file: str) -> None:
    shutil.copy(folders() / file, tmp_path / file)
    lines = (tmp_path / file).read_text().splitlines()
    (tmp_path / file).write_text("\n".join([*lines, "{{ nubmer }}"]))
    problems = Wording("es", MEXICO, tmp_path).check()
    assert f"{tmp_path / file}:{len(lines) + 1}: 'nubmer' is no variable of this mail" in problems


def test_a_template_is_styled_once_and_not_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    wording = Wording("es", MEXICO)
    first = wording.render("acknowledgement", "es", ANSWER)
    monkeypatch.setattr(Sheet, "inlined", lambda *_: pytest.fail("styled again"))
    assert wording.render("acknowledgement", "es", ANSWER) == first
