"""The language of a mail: es, en or und, by a small table of our own, within its budget (issue words)."""

import statistics
import time
import tracemalloc
from collections.abc import Callable

import pytest

from benchmarks.mix import mix
from desk.base.languages import languages, load_toml
from desk.base.names import LANGUAGE_UNKNOWN
from desk.base.reading_words import load_reading_words
from desk.triage import classify
from desk.triage.tongue import Tongue, heard, read_tongue
from desk.triage.triage import FILE, SUBJECT_MAX, TEXT_MAX
from desk.triage.words import words_of
from intake.email.reading.read import read

CPU_MS_MAX = 0.1
MEMORY_MIB_MAX = 5.0
MAILS = 150
TRIES = 7
"""Each mail is timed so often and its best counts: what else the machine does is no part of the cost."""
RIGHT_LEAST = 0.95

# fmt: off
TEXTS = {
    "es": (
        "No puedo timbrar", "me marca error", "¿Cómo cancelo una factura?", "Buenas tardes", "Gracias", "Urge ayuda",
        "No abre el portal", "Se cayó el sistema", "Factura rechazada", "Adjunto comprobante de pago",
        "Solicito cancelación de factura", "Error al timbrar nómina", "¿Cuándo vence mi certificado?",
        "No llega el correo", "Quiero dar de alta otro usuario", "Ya quedó, muchas gracias", "Hola", "Necesito ayuda",
        "olvidé mi contraseña", "Favor de revisar", "Cotización de timbres", "Problema con complemento de pago",
        "Reporte", "Ayuda por favor", "sigue igual", "Ok, quedo pendiente", "El XML sale mal", "Duplicado", "Sí",
        "Seguimiento",
    ),
    "en": (
        "I cannot stamp", "I get an error", "How do I cancel an invoice?", "Good afternoon", "Thanks", "Help needed",
        "The portal does not open", "System is down", "Invoice rejected", "Please find attached the receipt",
        "Request to cancel invoice", "Error when stamping payroll", "When does my certificate expire?",
        "Emails do not arrive", "Add another user please", "It works now, thank you", "Hello", "Need help",
        "forgot my password", "Please check", "Quote for stamps", "Problem with payment complement", "Any news?",
        "Still the same", "Cannot log in", "Portal slow today", "It's not working", "Login problem", "Yes", "Follow up",
    ),
    LANGUAGE_UNKNOWN: (
        "", "12345", "INC-100425", "XML PDF CFDI", "Ich kann mich nicht anmelden",
        "Die Rechnung wurde nicht erstellt", "Vielen Dank für Ihre Hilfe", "Não consigo emitir a nota fiscal",
        "Bom dia, como faço para cancelar uma fatura?", "Obrigado pela ajuda", "Je ne peux pas ouvrir le portail",
        "Bonjour, merci de votre aide", "Non riesco ad accedere al portale", "Grazie mille",
        "De factuur is niet verzonden", "请帮忙", "Спасибо", "ありがとう",
        "Guten Tag, ich habe ein Problem mit der Anmeldung", "Preciso de ajuda com a nota",
    ),
}
# fmt: on


def tongues() -> list[Tongue]:
    return [read_tongue(code, load_toml(code, FILE)["language"]) for code in languages()]


@pytest.mark.done("words.6")
def test_short_texts_are_heard_in_their_language(figure: Callable[[str], None]) -> None:
    told = [(text, code, classify("", text, "email").language) for code, texts in TEXTS.items() for text in texts]
    wrong = [(text, heard_as) for text, code, heard_as in told if heard_as != code]
    figure(f"{len(told) - len(wrong)} of {len(told)} short texts heard right; wrong: {wrong}")
    assert 1 - len(wrong) / len(told) >= RIGHT_LEAST, wrong
    assert all(heard_as == LANGUAGE_UNKNOWN for _, heard_as in wrong), "doubt is never another language"


def test_the_subject_of_an_answer_does_not_outweigh_what_is_new() -> None:
    assert classify("Re: INC-100425 Mesa de Servicio", "any news?", "email").language == "en"
    assert classify("Re: INC-100425 Service Desk", "¿hay noticias?", "email").language == "es"
    assert classify("Re: INC-100425 Mesa de Servicio", "12345", "email").language == "es"


@pytest.mark.done("words.6")
def test_the_language_of_a_mail_of_the_mix_costs_at_most_a_tenth_of_a_millisecond(
    figure: Callable[[str], None],
) -> None:
    known, words = tongues(), load_reading_words()
    mails = [read(mail.raw, words=words) for mail in mix(MAILS)]
    spent = statistics.median(_cpu_ms(known, mail.subject, mail.reply_text) for mail in mails)
    figure(f"language: {spent:.3f} ms of CPU a mail of the mix (median of {MAILS})")
    assert spent <= CPU_MS_MAX


def _cpu_ms(known: list[Tongue], subject: str, body: str) -> float:
    """Return the least CPU that the language of a text took, with the words it is taken apart into."""
    best = []
    for _ in range(TRIES):
        begun = time.process_time_ns()
        heard(known, [*words_of(subject[:SUBJECT_MAX]), *words_of(body[:TEXT_MAX])])
        best.append(time.process_time_ns() - begun)
    return min(best) / 1e6


@pytest.mark.done("words.6")
def test_the_tables_that_tell_the_language_take_at_most_five_mebibytes(figure: Callable[[str], None]) -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        known = tongues()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    taken = (after - before) / 2**20
    figure(f"language: tables of {taken:.2f} MiB for {len(known)} languages")
    assert taken <= MEMORY_MIB_MAX
