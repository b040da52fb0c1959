"""Every mail we send, in every language, as it stood when somebody last read it aloud.

A change of a template shows here as a difference to read. When the new words are wanted:
`python -m tests.mails.test_kept_mails` writes the copies anew.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.base.languages import languages
from desk.wording.samples import SAMPLES
from desk.wording.wording import Rendered, Wording

KEPT = Path(__file__).with_name("kept")
WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
EVERY = [(language, mail, sample) for language in languages() for mail in SAMPLES for sample in SAMPLES[mail]]


def copies(language: str, mail: str, sample: str) -> dict[Path, str]:
    """Return the files that keep a mail, with what it says today: subject and text, and the HTML beside them."""
    said: Rendered = WORDING.render(mail, language, SAMPLES[mail][sample])
    stem = KEPT / language / f"{mail}.{sample}"
    return {
        stem.with_name(f"{stem.name}.txt"): f"{said.subject}\n\n{said.text}",
        stem.with_name(f"{stem.name}.html"): said.html,
    }


@pytest.mark.parametrize(("language", "mail", "sample"), EVERY)
def test_a_mail_says_what_its_kept_copy_says(language: str, mail: str, sample: str) -> None:
    for path, said in copies(language, mail, sample).items():
        assert path.read_text(encoding="utf-8") == said


@pytest.mark.done("words.2")
def test_every_kept_copy_is_of_a_mail_we_send() -> None:
    expected = {path for each in EVERY for path in copies(*each)}
    assert {path for path in KEPT.rglob("*") if path.is_file()} == expected


def keep() -> None:
    for each in EVERY:
        for path, said in copies(*each).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    keep()
