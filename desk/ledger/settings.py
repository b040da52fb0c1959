"""The settings of the ledger: which database, and how long personal data is kept."""

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

from dataclasses import dataclass
from datetime import timedelta

from desk.base.kinds import DATABASE, FLAG, POSTGRES, duration, optional
from desk.base.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where everything is kept."""

    url: str = setting(
        "sqlite://var/ventanilla.db",
        "A SQLite file for one machine (`sqlite:///var/lib/…` is absolute), or PostgreSQL for several.",
        DATABASE,
        secret=True,
    )
    pooled: bool = setting(False, "Whether PostgreSQL stands behind pgbouncer, without features of a session.", FLAG)
    listen_url: str = setting("", "PostgreSQL past pgbouncer, for LISTEN only.", optional(POSTGRES), secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How long personal data is kept."""

    raw: timedelta = setting("365d", "Raw mails, as they came, counted from their arrival.", duration("1d", "36500d"))
    recordings: timedelta = setting("90d", "Recordings of calls.", duration("1d", "36500d"), later="phone")
