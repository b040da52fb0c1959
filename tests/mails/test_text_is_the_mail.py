"""The text part is the mail and the HTML its copy: nothing is told in one alone, and what matters comes first."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest

from desk.base.languages import languages
from desk.wording.samples import SAMPLES
from desk.wording.wording import Wording

WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
EVERY = [(language, mail, sample) for language in languages() for mail in SAMPLES for sample in SAMPLES[mail]]
WORDS = re.compile(r"\w+")
# Lines of a mail that a phone shows before anything is scrolled, some 40 characters each.
FIRST_SCREENFUL = 16
PHONE_CHARS = 40
# Words the HTML has of its own: its buttons, which the text cannot have.
OF_BUTTONS = {"es": {"use", "un", "botón", "o"}, "en": {"use", "a", "button", "or"}}


class Copy(HTMLParser):
    """The words and the links of an HTML body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: set[str] = set()
        self.links: list[str] = []
        self._is_seen = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_seen = self._is_seen or tag == "body"
        self.links += [value or "" for name, value in attrs if (tag, name) == ("a", "href")]

    def handle_data(self, data: str) -> None:
        if self._is_seen:
            self.words.update(word.lower() for word in WORDS.findall(data))


@pytest.mark.parametrize(("language", "mail", "sample"), EVERY)
def test_each_word_and_link_of_the_html_is_in_the_text(language: str, mail: str, sample: str) -> None:
    said = WORDING.render(mail, language, SAMPLES[mail][sample])
    copy, text = Copy(said.html), {word.lower() for word in WORDS.findall(said.text)}
    assert copy.words - text - OF_BUTTONS[language] == set()
    for link in copy.links:
        if link.startswith("mailto:"):
            body = unquote(link.partition("&body=")[2])
            assert all(line in said.text for line in body.split("\r\n")), link
        else:
            assert f"{link}\n" in said.text


@pytest.mark.parametrize(("language", "mail", "sample"), EVERY)
def test_each_word_of_the_text_is_in_the_html(language: str, mail: str, sample: str) -> None:
    said = WORDING.render(mail, language, SAMPLES[mail][sample])
    without_links = re.sub(r"https?://\S+", "", said.text)
    numbered = re.sub(r"^\d+\. ", "", without_links, flags=re.MULTILINE)
    assert {word.lower() for word in WORDS.findall(numbered)} - Copy(said.html).words == set()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("sample", SAMPLES["acknowledgement"])
def test_number_and_times_stand_in_the_first_screenful_of_a_phone(language: str, sample: str) -> None:
    facts = SAMPLES["acknowledgement"][sample]
    text = WORDING.render("acknowledgement", language, facts).text
    lines = [piece for line in text.splitlines() for piece in re.findall(rf".{{1,{PHONE_CHARS}}}", line) or [""]]
    first = "".join(lines[:FIRST_SCREENFUL])
    speech = WORDING.speech(language)
    assert facts["number"] in first
    for due in (facts["first_attention"], facts["resolution"]):
        assert speech.instant("before", due, facts["at"]) in first


@pytest.mark.parametrize("language", languages())
def test_questions_are_asked_only_when_the_mail_left_them_open(language: str) -> None:
    words = {code: WORDING.speech(language).word("question", code) for code in ("which", "where", "since")}
    facts = SAMPLES["acknowledgement"]["open"]
    for asked in ([], ["since"], ["which", "where", "since"]):
        text = WORDING.render("acknowledgement", language, {**facts, "questions": asked}).text
        assert [code for code, question in words.items() if question in text] == asked


@pytest.mark.parametrize("language", languages())
def test_who_was_in_copy_is_named_and_how_many_more(language: str) -> None:
    facts = {**SAMPLES["acknowledgement"]["open"], "copied": ["a@x.mx", "b@y.mx"], "copied_more": 3}
    more = {"es": "a@x.mx, b@y.mx y 3 más", "en": "a@x.mx, b@y.mx and 3 more"}[language]
    assert more in WORDING.render("acknowledgement", language, facts).text
    assert "@x.mx" not in WORDING.render("acknowledgement", language, SAMPLES["acknowledgement"]["open"]).text


@pytest.mark.parametrize("language", languages())
def test_a_time_that_passed_is_said_to_have_passed(language: str) -> None:
    late = WORDING.render("status", language, SAMPLES["status"]["late"]).text
    sorry = {"es": "lo sentimos", "en": "we are sorry"}[language]
    assert late.count(sorry) == 2
    assert sorry not in WORDING.render("status", language, SAMPLES["status"]["open"]).text
