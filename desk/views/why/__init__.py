"""Why an incident is as it is: severity, queue, thread, promises, answers (guarantee 8; CONTRACT 1, `why`).

Promises: what is said comes from what was stored when it was decided; where that is not enough it is counted anew by
the calendar that is configured now, and where that does not lead to what was promised, this is said too. Never: writes,
or makes a word for people: what there is to say are the values of `desk.base.because`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk.base.because import Part, Reason
from desk.base.errors import UnknownNumber
from desk.ledger.reading import Reader
from desk.rules.numbers import number_of
from desk.views.export import Look
from desk.views.why import answers, promises, thread, work
from desk.views.why.known import known
from desk.views.why.promises import Measure


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything there is to say about one incident, part by part, in the order of the contract."""

    number: str
    parts: Mapping[Part, Sequence[Reason]]


async def why(reader: Reader, look: Look, measure: Measure, incident_id: int) -> Explained:
    """Return why an incident is as it is. Raises UnknownNumber, StoreAway."""
    found = await reader.snapshot(lambda: known(incident_id))
    if found is None:
        raise UnknownNumber(f"{number_of(incident_id)}: no incident has this number")
    parts: Mapping[Part, Sequence[Reason]] = {
        Part.SEVERITY: tuple(work.severity(found)),
        Part.QUEUE: tuple(work.queue(found)),
        Part.THREAD: tuple(thread.thread(found)),
        Part.PROMISES: tuple(promises.promises(found, measure, look.now)),
        Part.ANSWERS: tuple(answers.answers(found, look.now)),
    }
    return Explained(number_of(incident_id), parts)
