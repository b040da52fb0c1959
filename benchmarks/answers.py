"""What came out for what went in: each mail's acknowledgement and notice at the relay, and what is wrong about them."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.mix import Mail
from benchmarks.relay import Taken

NUMBER = re.compile(r"\+(\d+)\.")
"""The incident in a signed Reply-To (CONTRACT 2)."""
SHOWN_MAX = 5


@dataclass(slots=True)
class Answers:
    """Instants of acknowledgement and of last notice by the mail's Message-ID, and what is missing or doubled."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    noticed: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def last(self) -> float:
        return max((*self.acknowledged.values(), *self.noticed.values()), default=0.0)


def answers_to(mails: Sequence[Mail], taken: Sequence[Taken]) -> Answers:
    """Match what the relay took with what was sent. Mails at the relay that belong to none of these are left out.

    An acknowledgement goes to the mail's sender and cites its Message-ID; its Reply-To has the incident's number. A
    notice goes to somebody else with that number; an outage has several, each to another person.
    """
    found = Answers()
    by_cited: defaultdict[tuple[str, str], list[Taken]] = defaultdict(list)
    by_number: defaultdict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        by_cited[one.recipient, one.in_reply_to].append(one)
        by_number[_number(one)].append(one)
    for mail in mails:
        acknowledgements = by_cited[mail.sender, mail.message_id]
        if len(acknowledgements) != 1:
            found.wrong.append(f"{len(acknowledgements)} acknowledgements of {mail.message_id}")
            continue
        acknowledgement = acknowledgements[0]
        found.acknowledged[mail.message_id] = acknowledgement.at
        notices = [one for one in by_number[_number(acknowledgement)] if one.recipient != mail.sender]
        if not notices or len({one.recipient for one in notices}) < len(notices):
            found.wrong.append(f"{len(notices)} notices about {mail.message_id}")
            continue
        found.noticed[mail.message_id] = max(one.at for one in notices)
    ids = [one.message_id for one in taken]
    if len(set(ids)) < len(ids):
        found.wrong.append(f"{len(ids) - len(set(ids))} mails came twice by Message-ID")
    return found


def _number(taken: Taken) -> str:
    match = NUMBER.search(taken.reply_to)
    return match[1] if match else ""
