"""What every floor of the tests shares."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop the house runs on."""
    return "asyncio"
