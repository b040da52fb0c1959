"""What a process that is no node leaves to the nodes, as steps: a mail by the pipe (DESIGN 8).

Promises: it is born without a holder, so that the first node that looks has it, and nodes are told. Never: takes what a
node has in hand.
"""

import hashlib
from dataclasses import replace
from datetime import datetime

from desk.base.message import Arrival
from desk.ledger.batch import write_batch
from desk.ledger.load import first_copy
from desk.ledger.save import Change, arrival_rows, copy_rows
from desk.ledger.statements import Steps


def leave(arrival: Arrival, key: str, now: datetime, expires_at: datetime) -> Steps[None]:
    """Write a mail that no node has; a further copy as a row of its own that owes nothing."""
    sha256 = hashlib.sha256(arrival.raw).hexdigest()
    first = Change(arrival_rows(arrival, key, sha256, None, expires_at), key=key, ref=arrival.id, is_left=True)
    (is_first,) = yield from write_batch([first], now)
    if is_first:
        return
    blob, incident = yield from first_copy(key)
    yield from write_batch([Change(copy_rows(replace(arrival, blob=blob), key, incident))], now)
