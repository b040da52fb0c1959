"""One theatre a session: its house and its schema take longer to make than a hundred lives."""

from collections.abc import Iterator

import pytest
import structlog

import desk.commit
import desk.due
import intake.email.ingest
import responders.outbox
from tests.world.world import Theatre

TUNED = (
    (intake.email.ingest, "TOGETHER_MAX"),
    (responders.outbox, "TOGETHER_MAX"),
    (desk.due, "LOOK_S"),
    (desk.commit, "GATHER_TURNS"),
)


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    """The theatre; what it tunes is as it was when the session ends."""
    before = [(module, name, getattr(module, name)) for module, name in TUNED]
    try:
        yield Theatre()
    finally:
        structlog.reset_defaults()
        for module, name, value in before:
            setattr(module, name, value)
