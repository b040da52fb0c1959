"""What a story asks of `why`: as the command does it, but seen from the story's instant."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from desk.base.because import Part
from desk.ledger import reading
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets
from desk.views.export import Look
from desk.views.why import why
from desk.views.why.promises import Measure
from desk.wording.why import Why
from desk.wording.wording import Wording
from tests.stories.house import House, settings_of

Sentences = Mapping[Part, list[str]]


async def explained(
    one: House, url: str, incident_id: int, *, more: Mapping[str, str] | None = None, templates: Path | None = None
) -> Sentences:
    """Return what `why` says of an incident, in the language and with the settings of `more`."""
    settings = settings_of(url, {"smtp": 0}, more)
    zone = ZoneInfo(settings.desk.timezone)
    measure = Measure(Calendar.from_settings(settings.calendar, zone), Targets.from_settings(settings.promises))
    async with reading.opened(url) as reader:
        found = await why(reader, Look(zone, one.clock.now()), measure, incident_id)
    speech = Wording(settings.desk.language, zone, templates).speech(settings.desk.language)
    words = Why(speech, zone, templates)
    return {part: words.sentences(said, one.clock.now()) for part, said in found.parts.items()}
