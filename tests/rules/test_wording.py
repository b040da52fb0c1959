"""What wording promises: instants that stay true, templates laid over by file, mistakes found with file and line."""

import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.base.languages import folders, languages
from desk.wording.samples import SAMPLES
from desk.wording.wording import FILES, Wording

MEXICO = ZoneInfo("America/Mexico_City")
TUESDAY = "2026-11-24T17:10:30.123456+00:00"  # 11:10 in Mexico City
ACKNOWLEDGEMENT = SAMPLES["acknowledgement"]["open"]
NOTICE = SAMPLES["notice"]["new"]
ALL_MAILS = [(mail, name, code) for mail, named in SAMPLES.items() for name in named for code in languages()]
FOREIGN_FACTS = {
    "name", "email", "subject", "type", "to_name", "severity_reasons", "phone", "extension", "operator", "who",
    "attached", "left_out", "copied", "title", "reply_goes_to", "answer_to", "answer_key",
}  # fmt: skip
FOREIGN = (
    "Ñandú <b>&amp; </b>\r\nBcc: x@y.mx\0\u202e\u200f\u0645\u0631\u062d\ud800"
    + "<script>alert(1)</script>"
    + "w" * 10_000
)


@pytest.fixture(scope="module")
def wording() -> Wording:
    return Wording("es", MEXICO)


def copy_of_templates(to: Path, language: str = "es") -> Path:
    shutil.copytree(folders() / language, to / language)
    return to


@pytest.mark.parametrize(
    ("way", "instant", "spanish", "english"),
    [
        pytest.param(
            "before", "2026-11-24T22:40:00+00:00",
            "hoy, martes 24 de noviembre, antes de las 16:40", "today, Tuesday, November 24, before 4:40 pm",
            id="today",
        ),
        pytest.param(
            "at", "2026-11-25T16:00:00+00:00",
            "mañana, miércoles 25 de noviembre, a las 10:00", "tomorrow, Wednesday, November 25, at 10:00 am",
            id="tomorrow",
        ),
        pytest.param(
            "at", "2026-11-30T17:00:00Z",
            "el lunes 30 de noviembre a las 11:00", "on Monday, November 30, at 11:00 am",
            id="another day",
        ),
        pytest.param(
            "before", "2027-01-04T17:00:00+00:00",
            "el lunes 4 de enero de 2027 antes de las 11:00", "before 11:00 am on Monday, January 4, 2027",
            id="another year",
        ),
        pytest.param(
            "at", "2026-11-25T07:05:00+00:00",
            "mañana, miércoles 25 de noviembre, a la 1:05", "tomorrow, Wednesday, November 25, at 1:05 am",
            id="one o'clock has another article, and it is tomorrow here",
        ),
        pytest.param(
            "at", "2026-11-25T05:59:00+00:00",
            "hoy, martes 24 de noviembre, a las 23:59", "today, Tuesday, November 24, at 11:59 pm",
            id="still today here although UTC is a day further",
        ),
        pytest.param(
            "at", "2026-11-24T18:00:00+00:00",
            "hoy, martes 24 de noviembre, a las 12:00", "today, Tuesday, November 24, at 12:00 pm",
            id="noon",
        ),
        pytest.param(
            "at", "2026-11-25T06:00:00+00:00",
            "mañana, miércoles 25 de noviembre, a las 0:00", "tomorrow, Wednesday, November 25, at 12:00 am",
            id="midnight",
        ),
        pytest.param(
            "at", "2026-11-23T18:00:00+00:00",
            "el lunes 23 de noviembre a las 12:00", "on Monday, November 23, at 12:00 pm",
            id="the day before is just a day",
        ),
        pytest.param(
            "brief_before", "2026-11-24T17:40:00+00:00",
            "antes de las 11:40 (mar 24 nov)", "before 11:40 am (Tue, Nov 24)",
            id="brief",
        ),
    ],
)  # fmt: skip
def test_an_instant_is_said_with_its_day_and_date(
    wording: Wording, way: str, instant: str, spanish: str, english: str
) -> None:
    assert wording.speech("es").instant(way, instant, TUESDAY) == spanish
    assert wording.speech("en").instant(way, instant, TUESDAY) == english


def test_today_is_a_day_of_the_desk_also_where_clocks_change() -> None:
    madrid = Wording("es", ZoneInfo("Europe/Madrid")).speech("es")
    # Clocks go back in the night to Sunday, 25 October 2026: that day has 25 hours.
    said = madrid.instant("at", "2026-10-25T22:30:00+00:00", "2026-10-24T22:30:00+00:00")
    assert said == "hoy, domingo 25 de octubre, a las 23:30"


@settings(deadline=None)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31)), st.integers(0, 60 * 24 * 500))
def test_an_instant_said_always_names_its_own_day_and_year_when_that_differs(at: datetime, minutes: int) -> None:
    speech = SHARED.speech("es")
    moment = at + timedelta(minutes=minutes)
    said = speech.instant("before", moment.replace(tzinfo=UTC).isoformat(), at.replace(tzinfo=UTC).isoformat())
    here, seen = (each.replace(tzinfo=UTC).astimezone(MEXICO) for each in (moment, at))
    assert f" {here.day} de " in said
    assert (str(here.year) in said) == (here.year != seen.year)
    assert said.startswith("hoy, ") == (here.date() == seen.date())
    assert said.startswith("mañana, ") == (here.date() == seen.date() + timedelta(days=1))


SHARED = Wording("es", MEXICO)


def test_an_instant_without_a_zone_is_a_programmers_mistake(wording: Wording) -> None:
    with pytest.raises(AssertionError, match="no zone"):
        wording.speech("es").instant("at", "2026-11-24T18:00:00", TUESDAY)


def test_a_zone_without_words_is_said_by_its_name() -> None:
    assert SHARED.speech("es").zone == "hora del centro de México"
    assert Wording("es", ZoneInfo("America/New_York")).speech("es").zone == "hora de America/New York"


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KB"),
        (123_456, "121 KB"),
        (9_961_472, "9.5 MB"),
        (10**13, "9313 GB"),
    ],
)
def test_a_size_is_said_in_the_largest_unit_of_which_there_is_one(wording: Wording, octets: int, said: str) -> None:
    assert wording.speech("es").size(octets) == said


def test_a_language_without_a_name_is_said_by_its_code_and_an_unknown_severity_by_nothing(wording: Wording) -> None:
    assert wording.speech("es").word("language", "en") == "inglés"
    assert wording.speech("es").word("language", "eu") == "eu"
    with pytest.raises(TemplateBroken, match=r"words\.toml: \[severity\] has no 4"):
        wording.speech("es").word("severity", 4)


def test_what_we_ship_has_no_mistake() -> None:
    assert Wording("es", MEXICO).check() == []
    assert Wording("en", ZoneInfo("UTC")).check() == []


def test_a_language_we_do_not_have_is_answered_in_the_desks_own(wording: Wording) -> None:
    assert wording.render("notice", "und", NOTICE) == wording.render("notice", "es", NOTICE)
    assert Wording("en", MEXICO).render("notice", "de", NOTICE).language == "en"


def test_a_desk_whose_own_language_has_no_folder_does_not_start() -> None:
    with pytest.raises(TemplateMissing, match=r"desk\.language tlh"):
        Wording("tlh", MEXICO)


@pytest.mark.parametrize(("mail", "sample", "language"), ALL_MAILS)
def test_a_mail_stands_complete_in_its_text_alone(wording: Wording, mail: str, sample: str, language: str) -> None:
    facts = SAMPLES[mail][sample]
    rendered = wording.render(mail, language, facts)
    if "number" in facts:
        assert facts["number"] in rendered.subject
        assert facts["number"] in rendered.text
    assert "<" not in rendered.text.replace(f"<{facts.get('email')}>", "")
    assert "\n\n\n" not in rendered.text
    assert "\n\n\n" not in rendered.html
    assert "None" not in rendered.text + rendered.html
    assert rendered.text.endswith("\n")


def test_one_person_sees_one_subject_whatever_the_mail_and_its_state(wording: Wording) -> None:
    for language in languages():
        for mails in (("acknowledgement", "status"), ("notice", "receipt")):
            subjects = {
                wording.render(mail, language, facts).subject for mail in mails for facts in SAMPLES[mail].values()
            }
            assert len(subjects) == 1


@pytest.mark.parametrize("language", languages())
def test_a_mail_to_a_user_begins_with_the_delimiter_and_never_says_their_words(wording: Wording, language: str) -> None:
    facts = {**ACKNOWLEDGEMENT, "subject": "PREMIO gratis", "text": "PREMIO gratis", "name": "PREMIO en http://x.mx"}
    rendered = wording.render("acknowledgement", language, facts)
    assert rendered.text.startswith(wording.speech(language).delimiter + "\n")
    assert "PREMIO" not in rendered.subject + rendered.text + rendered.html


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("sample", SAMPLES["notice"])
def test_a_notice_decides_within_its_first_line(wording: Wording, language: str, sample: str) -> None:
    facts = dict(SAMPLES["notice"][sample])
    first, second, *rest = wording.render("notice", language, facts).text.splitlines()
    assert len(first) <= 120
    assert first.startswith(f"SEV {facts['severity']} · ")
    assert first.count(" · ") == 3
    assert second == wording.speech(language).delimiter
    until = facts["first_attention"] or facts["resolution"]
    assert not until or first.endswith(wording.speech(language).instant("brief_before", until, facts["at"]))
    assert any(facts["number"] in line for line in rest[:2])


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("added", [False, True])
def test_the_first_line_of_a_notice_stays_short_whatever_came(wording: Wording, language: str, added: bool) -> None:
    facts = {**NOTICE, "subject": "w" * 300, "text": "v" * 300, "name": "n" * 300, "email": "e" * 300, "added": added}
    first = wording.render("notice", language, facts).text.splitlines()[0]
    assert len(first) <= 120
    assert wording.speech(language).instant("brief_before", NOTICE["first_attention"], NOTICE["at"]) in first


def test_a_notice_says_where_a_reply_goes(wording: Wording) -> None:
    kept = wording.render("notice", "es", NOTICE).text
    assert "se guarda como nota interna; por ahora no se envía a nadie más" in kept
    assert "Su respuesta se enviará a" not in kept
    sent = wording.render("notice", "es", {**NOTICE, "reply_goes_to": "Ana (Operación)"}).text
    assert "Su respuesta se enviará a: Ana (Operación)." in sent


def test_who_is_only_told_of_an_incident_is_not_sent_to_its_user(wording: Wording) -> None:
    for language in languages():
        told = wording.render("notice", language, SAMPLES["notice"]["forewarned"]).text.partition("\n\n")[2]
        assert f"{NOTICE['email']}." not in told
        assert f"{NOTICE['email']}." in wording.render("notice", language, NOTICE).text


@pytest.mark.parametrize(
    ("language", "honest"), [("es", "ni se cumplen las órdenes"), ("en", "commands in it are not carried out")]
)
def test_a_notice_that_offers_commands_says_that_they_are_not_carried_out_yet(
    wording: Wording, language: str, honest: str
) -> None:
    text = wording.render("notice", language, NOTICE).text
    assert wording.speech(language).word("command", "take") in text
    assert honest in text


def test_who_writes_outside_hours_is_told_when_the_desk_opens(wording: Wording) -> None:
    closed = wording.render("acknowledgement", "es", SAMPLES["acknowledgement"]["closed"]).text
    assert "fuera del horario de atención; empezaremos a atenderla el lunes 30 de noviembre a las 9:00." in closed
    assert "fuera del horario" not in wording.render("acknowledgement", "es", ACKNOWLEDGEMENT).text


@pytest.mark.parametrize(("mail", "sample", "language"), ALL_MAILS)
def test_foreign_text_is_harmless_everywhere(wording: Wording, mail: str, sample: str, language: str) -> None:
    facts = poisoned(SAMPLES[mail][sample])
    rendered = wording.render(mail, language, facts)
    for text in (rendered.subject, rendered.text, rendered.html):
        assert text.replace("\n", "").replace("\t", "").isprintable()
        text.encode("utf-8")
    assert "\n" not in rendered.subject
    assert len(rendered.subject) <= 200
    assert "<b>" not in rendered.html
    assert "<script>" not in rendered.html
    assert "\nBcc:" not in rendered.text
    assert tags_of(rendered.html) == tags_of(wording.render(mail, language, SAMPLES[mail][sample]).html)


def tags_of(html: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return the tags of a mail, each with the names of its attributes."""
    found: set[tuple[str, tuple[str, ...]]] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.add((tag, tuple(name for name, _ in attrs)))  # type: ignore[method-assign]
    parser.feed(html)
    return found


def poisoned(value: Any, key: str = "") -> Any:
    """Return facts whose every foreign string is hostile; instants, words of the house and links stay."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    is_foreign = key in FOREIGN_FACTS or (key == "from" and "@" in value)  # closed days have a `from` of ours
    return FOREIGN if is_foreign and value else value


def test_the_users_words_are_shown_to_a_consultant_line_by_line_and_as_text(wording: Wording) -> None:
    words = "Línea 1 <script>alert(1)</script>\r\nLínea 2\u2028Línea 3 & más"
    rendered = wording.render("notice", "es", {**NOTICE, "text": words})
    assert "Línea 1 <script>alert(1)</script>\nLínea 2\nLínea 3 & más" in rendered.text
    escaped = "Línea 1 &lt;script&gt;alert(1)&lt;/script&gt;<br>\nLínea 2<br>\nLínea 3 &amp; más"
    assert escaped in rendered.html


@pytest.mark.parametrize(
    "name",
    [
        "Laura",
        "Laura Méndez",
        "Lic. Juan Pérez",
        "María-José O'Brien",
        "Nguyễn Văn An",
        "李小龍",
        "Anne d’Arc",
        "Jose\u0301 Nu\u0301n\u0303ez",
    ],
)
def test_a_persons_name_is_greeted(wording: Wording, name: str) -> None:
    name_shown = normalize("NFC", name)
    assert f"Hola, {name_shown}:" in wording.render("acknowledgement", "es", {**ACKNOWLEDGEMENT, "name": name}).text


@pytest.mark.parametrize(
    "name",
    [
        "", "   ", "Gane 1000 pesos", "visite example.com", "https://x.mx", "a@b.mx", "Pérez, Juan", "Ana (Finanzas)",
        "uno dos tres cuatro cinco seis", "w" * 41, "<b>x</b>", "Ana\u202eecila",
    ],
)  # fmt: skip
def test_what_may_be_no_name_is_not_repeated_to_its_sender(wording: Wording, name: str) -> None:
    text = wording.render("acknowledgement", "es", {**ACKNOWLEDGEMENT, "name": name}).text
    assert "Hola:" in text or "Hola, Anaecila:" in text


def test_a_file_of_the_operators_folder_lies_over_ours_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "es" / "mails" / "receipt"
    folder.mkdir(parents=True)
    (folder / "body.txt.j2").write_text("Recibido: {{ number }}, {{ at | said('at') }}.\n")
    shutil.copy(folders() / "es" / "words.toml", tmp_path / "es" / "words.toml")
    words = tmp_path / "es" / "words.toml"
    words.write_text(words.read_text().replace("duda o asesoría", "consulta"))
    over = Wording("es", MEXICO, tmp_path)
    rendered = over.render("receipt", "es", SAMPLES["receipt"]["named"])
    assert rendered.text == "Recibido: INC-100425, hoy, martes 24 de noviembre, a las 11:05.\n"
    assert rendered.html == SHARED.render("receipt", "es", SAMPLES["receipt"]["named"]).html
    assert "severidad 1: consulta" in over.render("acknowledgement", "es", SAMPLES["acknowledgement"]["closed"]).text
    assert over.check() == []


def test_a_language_that_only_the_operator_has_is_spoken(tmp_path: Path) -> None:
    shutil.copytree(folders() / "en", tmp_path / "nah")
    over = Wording("es", MEXICO, tmp_path)
    assert over.check() == []
    assert over.render("receipt", "nah", SAMPLES["receipt"]["named"]).language == "nah"


def test_a_language_that_lacks_a_mail_is_found_before_the_first_mail(tmp_path: Path) -> None:
    shutil.copytree(folders() / "en", tmp_path / "nah")
    shutil.rmtree(tmp_path / "nah" / "mails" / "notice")
    over = Wording("es", MEXICO, tmp_path)
    assert over.check() == [f"nah/mails/notice/{file} is missing" for file in FILES]
    with pytest.raises(TemplateMissing, match=r"nah/mails/notice/subject\.txt\.j2 is missing: looked in "):
        over.render("notice", "nah", NOTICE)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("a\n{{ nubmer }}\n", "2: 'nubmer' is no variable of this mail"),
        ("a\n\n{% if false %}{{ nubmer }}{% endif %}\n", "3: 'nubmer' is no variable of this mail"),
        ("{% if number %}\n", "1: Unexpected end of template"),
        ("a\n{{ number | nosuch }}\n", "2: No filter named 'nosuch'."),
        ("a\n{{ number.digits }}\n", "2: 'str object' has no attribute 'digits'"),
        ("{{ number + 1 }}\n", "1: can only concatenate str"),
        ('{{ at | said("soon") }}\n', "1: es/instants.toml: ways.soon.today"),
        ('{{ number | word("colour") }}\n', "1: es/words.toml: [colour] has no INC-100425"),
    ],
)
def test_a_mistake_in_a_template_is_named_with_file_and_line(tmp_path: Path, broken: str, complaint: str) -> None:
    file = copy_of_templates(tmp_path) / "es" / "mails" / "receipt" / "body.html.j2"
    file.write_text(broken)
    (problem,) = Wording("es", MEXICO, tmp_path).check()
    assert problem.startswith(f"{file}:{complaint}")


def test_a_file_that_nothing_reads_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "es" / "mails" / "receipt"
    folder.mkdir(parents=True)
    (folder / "body.txt").write_text("Recibido.")
    (problem,) = Wording("es", MEXICO, tmp_path).check()
    assert problem.startswith(f"{folder / 'body.txt'}: nothing reads this file")


@pytest.mark.parametrize(
    ("file", "before", "after", "complaint"),
    [
        ("instants.toml", '"domingo"]', "]", "es/instants.toml: ways.at.other: IndexError"),
        ("instants.toml", "a {clock}", "a {hora}", "es/instants.toml: ways.at.other: KeyError('hora')"),
        ("instants.toml", "[ways.before]", "[ways.until]", "ways.before.today: KeyError('before')"),
        ("words.toml", '3 = "', '4 = "', "es/words.toml: [severity] has no 3"),
    ],
)
def test_a_mistake_in_a_languages_words_is_found_before_the_first_mail(
    tmp_path: Path, file: str, before: str, after: str, complaint: str
) -> None:
    path = copy_of_templates(tmp_path) / "es" / file
    path.write_text(path.read_text().replace(before, after))
    assert complaint in "\n".join(Wording("es", MEXICO, tmp_path).check())


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("words.toml", "[severity\n", "words.toml"),
        ("instants.toml", "weekdays = []\n", "es/instants.toml: zones"),
        ("reading.toml", "delimiters = []\n", "es/reading.toml: delimiters is missing"),
    ],
)
def test_words_that_cannot_be_read_stop_the_start(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    (copy_of_templates(tmp_path) / "es" / file).write_text(text)
    with pytest.raises(TemplateBroken) as broken:
        Wording("es", MEXICO, tmp_path)
    assert complaint in str(broken.value)


def test_facts_that_a_template_cannot_use_are_an_error_that_names_the_mail(wording: Wording) -> None:
    with pytest.raises(TemplateBroken, match="es/mails/receipt"):
        wording.render("receipt", "es", {"number": "INC-100425"})


@pytest.mark.parametrize(
    ("hours", "spanish", "english"),
    [
        (("14:00", "24:00"), "de las 14:00 a la medianoche", "from 2:00 pm to midnight"),
        (("00:00", "12:15"), "de la medianoche a las 12:15", "from midnight to 12:15 pm"),
        (("13:00", "14:30"), "de las 13:00 a las 14:30", "from 1:00 pm to 2:30 pm"),
    ],
)
def test_of_hours_that_are_closed_it_is_told_which(
    wording: Wording, hours: tuple[str, str], spanish: str, english: str
) -> None:
    eve = {"reason": "closure", "first": "2026-12-24", "last": "2026-12-24", "name": "Nochebuena"}
    days = [eve | dict(zip(("from", "until"), hours, strict=True))]
    assert wording.speech("es").closed(days, TUESDAY) == (
        f"el jueves 24 de diciembre no hay servicio {spanish} (Nochebuena)"
    )
    assert wording.speech("en").closed(days, TUESDAY) == (
        f"we are closed on Thursday, December 24 {english} (Nochebuena)"
    )


def closed(first: str, last: str, reason: str = "holiday", name: str = "") -> dict[str, str]:
    return {"reason": reason, "first": first, "last": last, "from": "", "until": "", "name": name}


@pytest.mark.parametrize(
    ("days", "spanish", "english"),
    [
        ([], "", ""),
        (
            [closed("2026-11-30", "2026-11-30", name="Fiesta")],
            "el lunes 30 de noviembre es día festivo (Fiesta)",
            "Monday, November 30, is a public holiday (Fiesta)",
        ),
        (
            [closed("2026-11-24", "2026-11-24"), closed("2026-11-25", "2026-11-25", "closure", "inventario")],
            "hoy, martes 24 de noviembre, es día festivo y mañana, miércoles 25 de noviembre, no hay servicio"
            " (inventario)",
            "today, Tuesday, November 24, is a public holiday and we are closed tomorrow, Wednesday, November 25"
            " (inventario)",
        ),
        (
            [closed("2026-12-28", "2026-12-31", "closure")],
            "del lunes 28 al jueves 31 de diciembre no hay servicio",
            "we are closed from Monday, December 28, to Thursday, December 31",
        ),
        (
            [closed("2026-12-31", "2027-01-01")] * 3,
            "; ".join(["del jueves 31 de diciembre al viernes 1 de enero de 2027 son días festivos"] * 2)
            + " y del jueves 31 de diciembre al viernes 1 de enero de 2027 son días festivos",
            "; ".join(["Thursday, December 31, to Friday, January 1, 2027, are public holidays"] * 2)
            + " and Thursday, December 31, to Friday, January 1, 2027, are public holidays",
        ),
    ],
)
def test_closed_days_are_said_with_their_reason(
    wording: Wording, days: list[dict[str, str]], spanish: str, english: str
) -> None:
    assert wording.speech("es").closed(days, TUESDAY) == spanish
    assert wording.speech("en").closed(days, TUESDAY) == english


def test_a_date_is_said_by_itself(wording: Wording) -> None:
    assert wording.speech("es").dated("2026-11-24", TUESDAY) == "martes 24 de noviembre"
    assert wording.speech("en").dated("2027-01-04", TUESDAY) == "Monday, January 4, 2027"
