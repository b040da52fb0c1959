"""What a notice tells of an incident beside the new words: bounded, however long the incident grew (DESIGN 2)."""

from desk.base.names import Audience, Direction, OwedKind, Status
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps, places
from desk.rules.mail import Earlier

LATEST_MAX = 5
"""Messages of an incident that are looked back on."""
TEXT_MAX = 2_000
"""Characters of one that are loaded: more than any notice shows, for white space is shown as one space."""
OPEN_MAX = 6
"""Open incidents of a person that are loaded; one of them may be the very incident the notice is about."""
SPOKEN = (OwedKind.ANSWER, OwedKind.QUESTION, OwedKind.RESOLUTION)
"""Mails of ours that hold a consultant's words; what a machine worded tells nothing that the ledger does not."""


def latest(incident_id: int) -> Steps[tuple[Earlier, ...]]:
    """Load the latest messages of an incident, newest last."""
    rows = yield Run(
        "SELECT m.at, m.direction, m.audience, m.sender, m.sender_name, "
        f"substr(CASE WHEN m.reply_text = '' THEN m.text ELSE m.reply_text END, 1, {TEXT_MAX}) "
        "FROM messages m LEFT JOIN owed o ON o.id = m.owed_id "
        f"WHERE m.incident_id = ? AND (m.direction = ? OR o.kind IN ({places(len(SPOKEN))})) "
        f"ORDER BY m.at DESC, m.id DESC LIMIT {LATEST_MAX}",
        (incident_id, Direction.IN, *SPOKEN),
    )
    found = []
    for at, direction, audience, sender, name, text in reversed(rows):
        moment = instant(at)
        assert moment is not None, "a message has its instant"
        found.append(Earlier(moment, Direction(direction), Audience(audience), sender, name, text))
    return tuple(found)


def open_incidents(person: int) -> Steps[tuple[int, ...]]:
    """Load the incidents of a person that are not closed, newest first (index `open_incidents_of`)."""
    rows = yield Run(
        f"SELECT id FROM incidents WHERE requester_id = ? AND status <> '{Status.CLOSED}' "
        f"ORDER BY id DESC LIMIT {OPEN_MAX}",
        (person,),
    )
    return tuple(row[0] for row in rows)
