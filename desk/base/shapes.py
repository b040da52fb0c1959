"""The shapes of frozen facts: a mail whose facts grew still says what an older version froze (DESIGN 5).

Promises: facts of any older shape come out with every name the present templates know, and with the values they were
frozen with. Never: changes a value that was frozen, or knows what a mail says. Whoever adds facts to a mail adds a step
here, in the release that adds them; steps are never changed, because what waits in a ledger was frozen before them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from desk.base.names import OwedKind

Facts = Mapping[str, Any]


def _acknowledgement_2(_facts: Facts) -> Facts:
    return {"pin": "", "copied": [], "copied_more": 0, "tutorials": [], "questions": [], "closed": []}


def _notice_2(facts: Facts) -> Facts:
    """Nothing travelled with a notice yet: what the mail had attached is left out, and no button is offered."""
    return {
        "answer_to": "",
        "answer_key": "",
        "actions": [],
        "dossier": [],
        "others": [],
        "attached": [],
        "left_out": [one["name"] for one in facts["attachments"]],
    }


def _notice_3(_facts: Facts) -> Facts:
    return {"unreached": []}


def _notice_4(_facts: Facts) -> Facts:
    """A notice that was frozen without a link stays without one."""
    return {"attachments_url": ""}


GROWN: Final[Mapping[OwedKind, tuple[Callable[[Facts], Facts], ...]]] = {
    OwedKind.ACKNOWLEDGEMENT: (_acknowledgement_2,),
    OwedKind.NOTICE: (_notice_2, _notice_3, _notice_4),
}
"""What each later shape of a kind added, from the facts of the one before: values that say nothing new."""


def shape_of(kind: OwedKind) -> int:
    """Return the shape that facts of a kind have now: 1 when they never grew."""
    return 1 + len(GROWN.get(kind, ()))


def in_present_shape(kind: OwedKind, shape: int, facts: Facts) -> Facts:
    """Return facts frozen in a shape, with what later shapes added. The frozen values stay."""
    for grow in GROWN.get(kind, ())[shape - 1 :]:
        facts = {**grow(facts), **facts}
    return facts
