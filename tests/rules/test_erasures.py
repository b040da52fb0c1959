"""The list of erasures: who is found by it in a copy, by which key, and what it tells to others."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.base.errors import ErasuresUnreadable
from desk.rules.erasures import Erasure, erasures_of, read_erasures, to_repeat

NOON = datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
KEY, OLD_KEY = b"k" * 32, b"o" * 32
EVA, ANA = "eva@canario.example", "ana@cliente.mx"


def listed(*addresses: str, key: bytes = KEY) -> list[Erasure]:
    lines = [str(one) for one in erasures_of(addresses, NOON, key)]
    assert not any(address in line for address in addresses for line in lines)
    return list(read_erasures(["", *lines, "  "]))


@pytest.mark.parametrize(
    ("copied_at", "keys", "found"),
    [
        pytest.param(NOON - timedelta(days=1), (KEY,), (EVA,), id="a copy of before"),
        pytest.param(NOON + timedelta(microseconds=9), (KEY,), (EVA,), id="a copy of the same second"),
        pytest.param(NOON + timedelta(seconds=1), (KEY,), (), id="a copy of after: she wrote again"),
        pytest.param(None, (KEY,), (EVA,), id="no copy, or one that was taken up"),
        pytest.param(None, (OLD_KEY, KEY), (EVA,), id="a key of before"),
        pytest.param(None, (OLD_KEY,), (), id="another desk's key"),
    ],
)
def test_who_is_to_be_forgotten_again(
    copied_at: datetime | None, keys: tuple[bytes, ...], found: tuple[str, ...]
) -> None:
    assert to_repeat(listed(EVA), (ANA, EVA), keys, copied_at) == found


@pytest.mark.parametrize(
    "line",
    ["eva@canario.example", f"{NOON.isoformat()} abc", f"2026-11-24T12:00:30 {'0' * 64}", f"mañana {'0' * 64}"],
)
def test_a_line_that_is_no_erasure_is_named(line: str) -> None:
    with pytest.raises(ErasuresUnreadable, match="line 2 is no erasure"):
        list(read_erasures(["", line]))
