"""Raw mails kept past their reader: found once, the latest of them, in bounded memory."""

from desk.claims import LATELY_BYTES_MAX, Lately

MB = 1024 * 1024


def test_a_mail_is_found_once() -> None:
    lately = Lately()
    lately.keep(7, b"raw")
    assert (lately.take(7), lately.take(7)) == (b"raw", b"")


def test_the_oldest_is_forgotten_beyond_the_bound_and_one_that_is_too_big_is_not_kept() -> None:
    lately = Lately()
    for blob in range(17):
        lately.keep(blob, bytes(MB))
    assert lately.take(0) == b""
    assert lately.take(1) == bytes(MB)
    lately.keep(99, bytes(LATELY_BYTES_MAX + 1))
    assert [lately.take(blob) for blob in (2, 16, 99)] == [b""] * 3


def test_a_mail_that_is_read_again_is_counted_once() -> None:
    lately = Lately()
    for _ in range(40):
        lately.keep(1, bytes(MB))
    lately.keep(2, bytes(MB))
    assert lately.take(1) == bytes(MB)
