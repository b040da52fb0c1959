"""Reads the times that people write on the command line."""

from datetime import datetime, tzinfo

HOW_TO_WRITE = "write a time like 2026-11-24T11:40:00-06:00, or a local one like 2026-11-24 or '2026-11-24 11:40'"


def instant_of(text: str, zone: tzinfo) -> datetime | None:
    """Return the instant a person wrote; one without offset is local in `zone`. None when it is no time.

    Letters may be small (RFC 3339 §5.6).
    """
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
