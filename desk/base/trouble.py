"""What a room says of itself when something is wrong: a problem of `/healthz` (CONTRACT 5)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should look at: the part and a name of it, why it is so, what to do.

    It names nobody: `/healthz` is open to whoever asks. `since` None: since it was first seen.
    """

    part: str
    name: str
    why: str
    do: str
    since: datetime | None = None
