"""The server accepts, reduces or ignores options; the client refuses an answer that it did not ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import TftpRefused
from emcc_emu.protocol.tftp_options import Agreement, accept_options, check_accepted
from emcc_emu.wire.tftp import ErrorCode


def test_nothing_asked_is_nothing_changed() -> None:
    assert accept_options((), 100) == (Agreement(512, 1, None, None), ())


def test_every_known_option_is_accepted_in_the_order_asked() -> None:
    requested = (("tsize", "0"), ("blksize", "1428"), ("timeout", "3"), ("windowsize", "4"))
    agreed, accepted = accept_options(requested, 9000)
    assert agreed == Agreement(blksize_bytes=1428, windowsize_blocks=4, timeout_s=3, tsize_bytes=9000)
    assert accepted == (("tsize", "9000"), ("blksize", "1428"), ("timeout", "3"), ("windowsize", "4"))


def test_large_values_are_reduced() -> None:
    requested = (("blksize", "70000"), ("windowsize", "65535"))
    assert accept_options(requested, 0)[1] == (("blksize", "65464"), ("windowsize", "64"))
    assert accept_options(requested, 0, max_blksize_bytes=1428, max_window_blocks=2)[1] == (
        ("blksize", "1428"),
        ("windowsize", "2"),
    )


@pytest.mark.parametrize(
    "option",
    [
        ("timeout", "3.0"),
        ("timeout", "0"),
        ("timeout", "256"),
        ("blksize", "7"),
        ("blksize", "-1"),
        ("blksize", ""),
        ("blksize", "٥١٢"),
        ("blksize", "9" * 5000),
        ("windowsize", "0"),
        ("windowsize", "65536"),
        ("multicast", ""),
        ("utimeout", "100"),
    ],
)
def test_odd_values_and_unknown_options_are_ignored(option: tuple[str, str]) -> None:
    assert accept_options((option,), 10) == (Agreement(), ())


ASKED = (("blksize", "1428"), ("windowsize", "4"), ("tsize", "0"), ("timeout", "2"))


def test_the_client_takes_what_it_asked_for_or_less() -> None:
    accepted = (("blksize", "1024"), ("windowsize", "4"), ("tsize", "77"), ("timeout", "2"))
    assert check_accepted(ASKED, accepted) == Agreement(1024, 4, 2, 77)
    assert check_accepted(ASKED, ()) == Agreement()


@pytest.mark.parametrize(
    "option",
    [
        ("blksize", "1429"),
        ("blksize", "7"),
        ("blksize", "many"),
        ("windowsize", "5"),
        ("windowsize", "0"),
        ("timeout", "3"),
        ("utimeout", "1"),
    ],
)
def test_the_client_refuses_other_answers_with_error_8(option: tuple[str, str]) -> None:
    with pytest.raises(TftpRefused) as refusal:
        check_accepted(ASKED, (option,))
    assert refusal.value.code == ErrorCode.OPTION_REFUSED


_OPTION = st.tuples(st.sampled_from(["blksize", "windowsize", "timeout", "tsize", "other"]), st.integers(0, 70000))


@given(st.lists(_OPTION, unique_by=lambda option: option[0]), st.integers(0, 1 << 32))
def test_what_our_server_accepts_our_client_takes(options: list[tuple[str, int]], size_bytes: int) -> None:
    requested = tuple((name, str(value)) for name, value in options)
    agreed, accepted = accept_options(requested, size_bytes)
    assert check_accepted(requested, accepted) == agreed
