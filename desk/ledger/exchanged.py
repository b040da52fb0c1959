"""What was said between the desk and a user, as steps: when, which way and as what, never whose words they were."""

from dataclasses import dataclass
from datetime import datetime

from desk.base.names import Audience, Channel, Direction
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A message the user wrote or was sent. `kind` is that of the owed row it was, "" for what the user wrote."""

    at: datetime
    direction: Direction
    channel: Channel
    kind: str


def exchanged(incident_id: int, most: int) -> Steps[tuple[tuple[Exchanged, ...], int]]:
    """Load the newest `most` messages between the desk and the user, oldest first, and how many older ones there are.

    What is internal is not looked at.
    """
    of_user = (incident_id, Audience.USER)
    rows = yield Run(
        "SELECT m.at, m.direction, m.channel, COALESCE(o.kind, '') "
        "FROM messages m LEFT JOIN owed o ON o.id = m.owed_id "
        f"WHERE m.incident_id = ? AND m.audience = ? ORDER BY m.at DESC, m.id DESC LIMIT {most:d}",
        of_user,
    )
    found = []
    for at, direction, channel, kind in reversed(rows):
        moment = instant(at)
        assert moment is not None, "a message has its instant"
        found.append(Exchanged(moment, Direction(direction), Channel(channel), kind))
    counted = yield Run("SELECT count(*) FROM messages WHERE incident_id = ? AND audience = ?", of_user)
    return tuple(found), counted[0][0] - len(found)
