"""The log of a SQLite file: moved when it is large, and not after every commit once it is."""

from pathlib import Path

import pytest

from desk.ledger import sqlite
from desk.ledger.sqlite import SqliteStore, create_file
from desk.ledger.statements import Run, Steps

COMMITS = 60
BYTES = 64 * 1024


def noted(size: int) -> Steps[None]:
    yield Run("INSERT INTO notes VALUES (randomblob(?))", (size,))


def table() -> Steps[None]:
    yield Run("CREATE TABLE notes (a BLOB)")


@pytest.mark.anyio
async def test_a_large_log_is_moved_as_it_grows_and_not_after_every_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    move = sqlite.checkpoint

    def checkpoint(path: Path, mode: str) -> None:
        moved.append(mode)
        move(path, mode)

    monkeypatch.setattr(sqlite, "checkpoint", checkpoint)
    monkeypatch.setattr(sqlite, "CHECKPOINT_BYTES", 16 * BYTES)
    path = tmp_path / "ledger.db"
    create_file(path)
    store = SqliteStore(path)
    await store.write(table())
    for _ in range(COMMITS):
        await store.write(noted(BYTES))
    assert 1 <= len(moved) <= COMMITS // 10
    await store.close()
