"""Names, models and identifiers of virtual phones."""

from __future__ import annotations

import random

import pytest

from emcc_emu.errors import InputError
from phones.identity import MODELS, PhoneIdentity, PhoneNames, find_model


@pytest.mark.parametrize(
    ("model", "user_agent"),
    [
        ("7821", "Cisco-CP7821/12.1.1"),
        ("8845", "Cisco-CP8845/12.1.1"),
        ("7960", "Cisco-CP7960/8.12.00"),
        ("IP Communicator", "Cisco-CPIPCommunicator/8.6.6"),
    ],
)
def test_says_model_and_release(model: str, user_agent: str) -> None:
    assert find_model(model).user_agent == user_agent


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no virtual phone of model '9999'; there are 7811, 7821"):
        find_model("9999")


def test_every_model_has_a_number_of_its_own() -> None:
    assert len({model.number for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("name", ["SEP001122334455", "SEPAABBCCDDEEFF"])
def test_takes_device_names(name: str) -> None:
    assert PhoneIdentity(name).mac == name[3:].lower()


@pytest.mark.parametrize("name", ["", "SEP", "sep001122334455", "SEP00112233445", "SEP0011223344556", "CSFuser"])
def test_refuses_other_names(name: str) -> None:
    with pytest.raises(InputError, match="write SEP and the MAC address"):
        PhoneIdentity(name)


def test_counts_in_its_identifiers() -> None:
    names = PhoneNames(PhoneIdentity("SEP02AA00000001", address="203.0.113.101"), random.Random(1))
    call_id, tag = names.call_id(), names.tag()
    assert call_id.startswith("02aa0000-00010001-") and call_id.endswith("@203.0.113.101")
    assert tag.startswith("02aa000000010002")
    assert names.session().endswith("00105000a00002aa00000001") and len(names.session()) == 32
    assert names.content_id().endswith("@203.0.113.101")
    assert names.call_id() != call_id
