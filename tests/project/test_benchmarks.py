"""The benchmark measures what it says: its mix is the same each time, and it sees what is missing or doubled."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from benchmarks.answers import answers_to
from benchmarks.load import wire
from benchmarks.mix import Mail, mix, sizes_of
from benchmarks.relay import Taken

MAILS = 60


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    return mix(MAILS)


def test_the_same_seed_gives_the_same_mails_and_another_seed_others(mails: list[Mail]) -> None:
    assert mix(MAILS) == mails
    assert not {mail.message_id for mail in mails} & {mail.message_id for mail in mix(MAILS, seed=2)}


def test_sizes_hold_their_shares_and_the_mails_their_sizes(mails: list[Mail]) -> None:
    assert [sizes_of(1000).count(size) for size in (2048, 20480, 204800, 3145728)] == [700, 200, 90, 10]
    for mail, size in zip(sorted(mails, key=lambda one: len(one.raw)), sorted(sizes_of(MAILS)), strict=True):
        assert 0.8 * size < len(mail.raw) < 1.3 * size


def test_senders_ids_and_texts_are_all_different_and_every_mail_is_sound(mails: list[Mail]) -> None:
    assert len({mail.sender for mail in mails}) == len({mail.message_id for mail in mails}) == MAILS
    texts = set()
    for mail in mails:
        read = message_from_bytes(mail.raw, policy=policy.default)
        assert [part.defects for part in read.walk() if part.defects] == []
        assert read["Message-ID"] == mail.message_id
        body = read.get_body(("plain",))
        assert body is not None
        texts.add(body.get_content())
    assert len(texts) == MAILS


def test_lines_that_begin_with_a_dot_are_stuffed() -> None:
    assert wire(Mail("a@b", "<1@b>", b"S: x\r\n\r\n.\r\n..\r\n")) == b"S: x\r\n\r\n..\r\n...\r\n.\r\n"


def answered(mail: Mail, number: int) -> list[Taken]:
    reply_to = f"soporte+{number}.uc1abc@ejemplo.mx"
    acknowledgement = Taken(2.0, mail.sender, f"<{number}.1@d>", mail.message_id, reply_to, "auto-replied")
    notice = Taken(3.0, "ana@mesa.mx", f"<{number}.2@d>", mail.message_id, reply_to, "auto-generated")
    return [acknowledgement, notice]


def test_mails_with_one_acknowledgement_and_one_notice_are_answered(mails: list[Mail]) -> None:
    found = answers_to(mails, [one for number, mail in enumerate(mails) for one in answered(mail, number + 10)])
    assert found.wrong == []
    assert set(found.acknowledged.values()) == {2.0}
    assert (len(found.noticed), found.last) == (MAILS, 3.0)


def test_an_outage_has_several_notices_each_to_another_person(mails: list[Mail]) -> None:
    both = answered(mails[0], 10)
    assert answers_to(mails[:1], [*both, replace(both[1], recipient="luis@mesa.mx", message_id="<3@d>")]).wrong == []


@pytest.mark.parametrize("kept", [[0], [1], [0, 0, 1], [0, 1, 1]], ids=["no notice", "no answer", "two answers", "two"])
def test_what_is_missing_or_doubled_is_told(mails: list[Mail], kept: list[int]) -> None:
    both = answered(mails[0], 10)
    assert answers_to(mails[:1], [both[place] for place in kept]).wrong != []
