"""Virtual phones of a running lab, as its ready file describes them."""

from __future__ import annotations

import random

from emcc_emu.errors import InputError
from emcc_emu.host.ready import ReadyFile, ReadyPhone
from phones.downloads import FileServer
from phones.identity import PhoneIdentity, find_model
from phones.phone import Phone

__all__ = ["file_servers", "find_phone", "make_phone"]

PHONES_NAMED = 8


def find_phone(ready: ReadyFile, name: str) -> ReadyPhone:
    """The lab's phone of this name.

    Raises:
        InputError: it has none; the text names some that it has.
    """
    for phone in ready.phones:
        if phone.name == name:
            return phone
    known = ", ".join(phone.name for phone in ready.phones[:PHONES_NAMED])
    raise InputError(f"the lab has no phone {name}; it has {known}{' ...' if len(ready.phones) > PHONES_NAMED else ''}")


def file_servers(ready: ReadyFile, cluster: str) -> list[FileServer]:
    """The TFTP servers of a cluster, as DHCP option 150 would give them.

    Raises:
        InputError: the cluster does not run here.
    """
    if cluster not in ready.clusters:
        raise InputError(f"cluster {cluster} does not run here; {', '.join(ready.clusters)} do")
    return [FileServer(node.address, node.tftp, node.tftp_http) for node in ready.clusters[cluster].nodes]


def make_phone(ready: ReadyFile, name: str, rng: random.Random) -> Phone:
    """A virtual phone with the lab's name, model and address; it is still switched off.

    Raises:
        InputError: the lab has no such phone, or its cluster does not run here.
    """
    phone = find_phone(ready, name)
    identity = PhoneIdentity(name, find_model(phone.model), phone.address or "127.0.0.1")
    return Phone(identity, file_servers(ready, phone.cluster), rng=rng)
