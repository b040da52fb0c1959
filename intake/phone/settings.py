"""The settings of calls: what callers are asked, whom the desk may call, and how often."""

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

from dataclasses import dataclass
from datetime import timedelta

from desk.base.kinds import COUNTRY, DIALLED, choice, duration, integer, list_of, optional
from desk.base.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """The telephone."""

    description: str = setting(
        "speech",
        "Whether callers' words are recognised, or recorded.",
        choice("speech", "record"),
        later="phone",
    )
    countries: tuple[str, ...] = setting(["MX"], "Countries that may be called.", list_of(COUNTRY), later="phone")
    calls_per_number_per_hour: int = setting(
        10, "Calls, and messages, that the desk places to one number in an hour.", integer(0, 1000), later="phone"
    )
    sms_per_hour: int = setting(200, "Messages to all numbers in an hour.", integer(0, 100_000), later="phone")
    dial_timeout: timedelta = setting("15s", "How long one adviser is rung.", duration("5s", "10m"), later="phone")
    hunt_limit: timedelta = setting(
        "75s", "After this no further adviser is rung.", duration("5s", "1h"), later="phone"
    )
    fallback_number: str = setting(
        "", 'Number rung when the service itself fails: "+525552649000w0".', optional(DIALLED), later="phone"
    )
