"""`ventanilla reparse [--since TIME] [--json]`: read stored mails again by this version (CONTRACT 1, guarantee 7).

Promises: what is only a view of a mail's bytes is written anew (subject, text, new words, index of attachments); what
would be decided otherwise now is one line and stays as it was; 1 when there is any, or a mail that no reader could
read. Nobody is written to. It works beside a running service and without one, and can be repeated or cut short; a mail
whose bytes are kept no more is counted. Mails are read in a process of their own. Never: holds more than one mail.
"""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.commit import Commit
    from desk.ledger.reparse import StoredMail
    from desk.rules.addresses import Signer
    from desk.rules.reparsing import Finding, Reading
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

NEEDS_KEY = "is missing: a reply is known by it"
READ, REWRITTEN, REPORTED, GONE, UNREADABLE = "read", "rewritten", "reported", "gone", "unreadable"
"""What is counted: mails read, mails whose views were written anew, with findings, without bytes, and never read."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("reparse", help="read stored mails again and report what differs")
    command.add_argument("--since", metavar="TIME", help="only mails that came in since then")
    command.add_argument("--json", action="store_true", help="objects, one a line")


def run(args: Namespace, settings: "Settings") -> int:
    """Print each mail that differs, and then how many there are."""
    import asyncio
    import sys
    from zoneinfo import ZoneInfo

    from desk.base.errors import Problem, SettingsInvalid
    from ventanilla.cli import GOOD, PROBLEM, WRONG_USE
    from ventanilla.cli._instants import HOW_TO_WRITE, instant_of

    since = None
    if args.since is not None:
        since = instant_of(args.since, ZoneInfo(settings.desk.timezone))
        if since is None:
            print(f"ventanilla reparse: --since {args.since}: {HOW_TO_WRITE}", file=sys.stderr)
            return WRONG_USE
        since = since.astimezone(UTC)
    if not settings.secrets.key:
        raise SettingsInvalid((Problem(settings.source, "secrets.key", "", NEEDS_KEY),))
    counts = asyncio.run(_reparse(settings, since, as_json=args.json))
    return PROBLEM if counts[REPORTED] or counts[UNREADABLE] else GOOD


@dataclass(frozen=True, slots=True)
class _Differs:
    """What of a mail differs: views that were written anew, and what would be decided otherwise."""

    mail: "StoredMail"
    rewritten: Sequence[str] = ()
    findings: "Sequence[Finding]" = ()
    is_unreadable: bool = False


async def _reparse(settings: "Settings", since: datetime | None, *, as_json: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    async for one in _differences(settings, since, counts):
        print(json.dumps(_object(one), ensure_ascii=False) if as_json else "\n".join(_lines(one)), flush=True)
    if as_json:
        print(json.dumps({"counts": {name: counts[name] for name in (READ, REWRITTEN, REPORTED, GONE, UNREADABLE)}}))
    else:
        print(
            f"{counts[READ]} mails read, {counts[REWRITTEN]} written anew, {counts[REPORTED]} would be decided "
            f"otherwise, {counts[GONE]} kept no more, {counts[UNREADABLE]} that no reader could read"
        )
    return counts


async def _differences(settings: "Settings", since: datetime | None, counts: Counter[str]) -> AsyncIterator[_Differs]:
    """Read each mail again, write its views where they differ, and yield what differs."""
    from desk.ledger.reparse import mails
    from ventanilla.cli._ledger import written

    async with written(settings) as commit:
        reparser = _Reparser(settings, commit)
        await reparser.readers.start()
        try:
            after = 0
            while page := await commit.store.read(mails(after, since)):
                for mail in page:
                    differs = await reparser.look_at(mail, counts)
                    if differs is not None:
                        yield differs
                after = page[-1].message
        finally:
            await reparser.readers.stop()


class _Reparser:
    """Reads one mail at a time, as the service would."""

    def __init__(self, settings: "Settings", commit: "Commit") -> None:
        from functools import partial

        from desk.base.reading_words import load_reading_words
        from intake.email.reading.automatic import OwnMail
        from intake.email.reading.grading import triage_grader
        from intake.email.reading.reader import Readers
        from ventanilla.cli._ledger import override
        from ventanilla.wiring import desk_of

        folder = override(settings)
        self._commit = commit
        self._signer: Signer = desk_of(settings).signer
        addresses = (self._signer.address, *self._signer.aliases)
        self._own = OwnMail(frozenset(address.lower() for address in addresses))
        self.readers = Readers(1, load_reading_words(folder), partial(triage_grader, settings.triage.mode, folder))

    async def look_at(self, mail: "StoredMail", counts: Counter[str]) -> _Differs | None:
        """Read a mail again and write its views; None when nothing differs, or its bytes are kept no more."""
        from desk.base.errors import ReaderFailed
        from desk.ledger.reparse import raw, standing
        from desk.rules.reparsing import changed, findings
        from desk.verbs.reparsing import RewriteViews

        content = await self._commit.store.read(raw(mail.blob))
        if content is None:
            counts[GONE] += 1
            return None
        counts[READ] += 1
        try:
            reading = await self._read(content)
        except ReaderFailed:
            counts[UNREADABLE] += 1
            return _Differs(mail, is_unreadable=True)
        stands = await self._commit.store.read(standing(mail))
        names, found = changed(stands.view, reading.message), tuple(findings(stands, reading))
        if names:
            await self._commit.perform(RewriteViews(self._commit, mail, reading.message))
            counts[REWRITTEN] += 1
        counts[REPORTED] += bool(found)
        return _Differs(mail, names, found) if names or found else None

    async def _read(self, content: bytes) -> "Reading":
        """Return what the mail is now. Raises ReaderFailed."""
        from desk.ledger.reparse import envelope
        from desk.rules.reparsing import Reading
        from intake.email.reading.headers import arrival_key, header_block
        from intake.email.thread import find, of_message

        block = header_block(content)
        sender, recipients = await self._commit.store.read(envelope(arrival_key(content, block)))
        found = await self._commit.store.read(find(self._signer, recipients, block))
        read = await self.readers.read(content, found.parents, self._own, envelope_from=sender)
        return Reading(read.message, read.grade, of_message(self._signer, found, read.message))


def _lines(one: _Differs) -> list[str]:
    from desk.rules.numbers import number_of

    named = f"{number_of(one.mail.incident)} {one.mail.message_id or f'message {one.mail.message}'}"
    if one.is_unreadable:
        return [f"{named}: no reader could read it; it stays as it was"]
    lines = [f"{named}: written anew: {', '.join(one.rewritten)}"] if one.rewritten else []
    return lines + [f"{named}: {each.what} was {each.was}, would be {each.would_be}; it stays" for each in one.findings]


def _object(one: _Differs) -> dict[str, object]:
    from desk.rules.numbers import number_of

    return {
        "number": number_of(one.mail.incident),
        "message_id": one.mail.message_id,
        "rewritten": list(one.rewritten),
        "reported": {each.what.value: {"was": each.was, "would_be": each.would_be} for each in one.findings},
        "unreadable": one.is_unreadable,
    }
