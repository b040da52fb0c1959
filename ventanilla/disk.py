"""What is free on the disk that a node depends on: a problem of `/healthz`, a figure, a mail to the managers.

Promises: it is told before the disk is full, when mail still comes in and out. Never: frees anything.
"""

import os
import socket
from pathlib import Path

from desk.base.trouble import Trouble
from desk.ledger.store import sqlite_path
from desk.rules.disk import Room
from desk.verbs.disk import Disks

DATABASE = "database"
"""The place of a SQLite file, wherever it lies: a restored or moved one goes on with what was told."""


def watched_folder(url: str) -> Path:
    """Return the folder whose disk is watched: that of a SQLite file. A server's disk is not seen from here; then it
    is the folder in which the node runs, where its service usually writes the log."""
    file = sqlite_path(url)
    return Path.cwd() if file is None else file.absolute().parent


def place_of(url: str) -> str:
    """Return the name under which it is kept what was told of this disk: nodes of a server each have their own."""
    return DATABASE if sqlite_path(url) is not None else f"{socket.gethostname()}:{watched_folder(url)}"


class Disk:
    """Looks at one disk. `look` is called by the loop that looks for what is due."""

    def __init__(self, folder: Path, wanted: int) -> None:
        self._folder = folder
        self._wanted = wanted
        self._machine = socket.gethostname()

    def free(self) -> int:
        """Return the octets that the node may still write; 0 when the folder cannot be looked at."""
        try:
            seen = os.statvfs(self._folder)
        except OSError:
            return 0
        return seen.f_bavail * seen.f_frsize

    def room(self) -> Room:
        return Room(self.free(), self._wanted, self._machine)

    def troubles(self) -> list[Trouble]:
        """Return that there is too little room, if so."""
        room = self.room()
        if room.free >= room.wanted:
            return []
        why = f"{room.free} bytes are free, health.disk_free wants {room.wanted}"
        do = "free the disk or enlarge it; when it is full mails are told to try later until it has room"
        return [Trouble("disk", "free", why, do)]


class DiskWatch:
    """Has the managers told once a disk is in want."""

    def __init__(self, disk: Disk, disks: Disks) -> None:
        self._disk = disk
        self._disks = disks

    async def look(self) -> None:
        """Tell what is to be told by now. Raises StoreAway."""
        await self._disks.note(self._disk.room())
