"""Where a lab's addresses go when the lab's own are taken or when real ones are wanted."""

from __future__ import annotations

import random
import socket

import pytest

from emcc_emu.errors import InputError, LabError
from emcc_emu.host import addresses


def test_a_free_block_keeps_the_shape_of_the_lab() -> None:
    moved = addresses.free_block(["127.1.0.10", "127.1.100.7", "127.2.0.10", "192.0.2.1"], random.Random(1))
    first, second = moved["127.1.0.10"].split(".")[1], moved["127.2.0.10"].split(".")[1]
    assert moved == {
        "127.1.0.10": f"127.{first}.0.10",
        "127.1.100.7": f"127.{first}.100.7",
        "127.2.0.10": f"127.{second}.0.10",
    }
    assert int(second) == int(first) + 1


def test_a_block_with_a_taken_port_is_passed_over() -> None:
    taken = addresses.free_block(["127.1.0.10"], random.Random(2))["127.1.0.10"]
    with socket.create_server((taken, 5060)):
        assert addresses.free_block(["127.1.0.10"], random.Random(2))["127.1.0.10"] != taken


def test_no_free_block_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "BLOCK_TRIES", 0)
    with pytest.raises(LabError, match="no free block"):
        addresses.free_block(["127.1.0.10"], random.Random(3))


def test_an_override_names_its_node() -> None:
    assert addresses.parse_overrides(["a=127.0.0.1"], {"a": "127.1.0.10"}, here={"a"}) == {"127.1.0.10": "127.0.0.1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "write it as NODE=IP"),
        ("c=127.0.0.1", "no node is called 'c'; the lab has a"),
        ("a=everywhere", "'everywhere' is not an IP address"),
        ("a=192.0.2.77", r"ip address add 192\.0\.2\.77/32"),
    ],
)
def test_a_wrong_override_says_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        addresses.parse_overrides([text], {"a": "127.1.0.10"}, here={"a"})


def test_a_node_of_another_machine_need_not_have_its_address_here() -> None:
    moved = addresses.parse_overrides(["b=192.0.2.77"], {"a": "127.1.0.10", "b": "127.2.0.10"}, here={"a"})
    assert moved == {"127.2.0.10": "192.0.2.77"}
