"""When a disk is in want, and who hears of it how often."""

import pytest

from desk.rules.disk import Room, is_low

GIB = 1024**3


@pytest.mark.parametrize(
    ("free", "was_low", "low"),
    [
        pytest.param(GIB - 1, False, True, id="a byte under what is wanted"),
        pytest.param(GIB, False, False, id="just what is wanted, and it had room"),
        pytest.param(GIB, True, True, id="just what is wanted, and it was in want"),
        pytest.param(GIB, None, None, id="just what is wanted, and nobody knows how it was"),
        pytest.param(GIB * 11 // 10 + 1, True, False, id="a tenth more than wanted"),
        pytest.param(0, None, True, id="nothing"),
    ],
)
def test_a_disk_that_swings_about_the_limit_is_one_story(free: int, was_low: bool | None, low: bool | None) -> None:
    assert is_low(Room(free, GIB, "mesa-1"), was_low) is low


def test_where_nothing_is_wanted_no_disk_is_in_want() -> None:
    assert is_low(Room(0, 0, "mesa-1"), None) is False
