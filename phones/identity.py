"""Who a virtual phone is: name, model, firmware, address, and the identifiers that it puts into its SIP messages."""

from __future__ import annotations

import dataclasses
import random
import re

from emcc_emu.errors import InputError
from emcc_emu.wire import sip_identity

__all__ = ["MODELS", "PhoneIdentity", "PhoneModel", "PhoneNames", "find_model"]


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneModel:
    """What a phone model says of itself on the wire."""

    name: str
    """Marketing number, `7821`."""

    number: int
    """Numeric model, as in `+u.sip!model.ccm.cisco.com`."""

    load: str
    """Running firmware load, without `.loads`."""

    display: str
    """`x-CiscoIPPhoneDisplay`: width, height, depth, `C` colour or `G` grey."""

    supports_emcc: bool = True
    """What the phone puts for `#EMCC#`."""

    @property
    def user_agent(self) -> str:
        """SIP User-Agent: model and firmware release."""
        release = self.load.replace(".", "-", 1).split("-")[1:4]
        return f"Cisco-CP{self.name.replace(' ', '')}/{'.'.join(release)}"


MODELS: tuple[PhoneModel, ...] = (
    PhoneModel("7811", 36213, "sip78xx.12-1-1-12", "384,106,1,G"),
    PhoneModel("7821", 621, "sip78xx.12-1-1-12", "384,106,1,G"),
    PhoneModel("7841", 622, "sip78xx.12-1-1-12", "384,106,1,G"),
    PhoneModel("7861", 623, "sip78xx.12-1-1-12", "384,106,1,G"),
    PhoneModel("7832", 36247, "sip7832.12-1-1-12", "384,128,1,G"),
    PhoneModel("8811", 36217, "sip88xx.12-1-1-12", "800,480,8,G"),
    PhoneModel("8832", 36258, "sip8832.12-1-1-12", "396,162,1,G"),
    PhoneModel("8841", 683, "sip88xx.12-1-1-12", "800,480,24,C"),
    PhoneModel("8845", 36224, "sip8845_65.12-1-1-12", "800,480,24,C"),
    PhoneModel("8851", 684, "sip88xx.12-1-1-12", "800,480,24,C"),
    PhoneModel("8861", 685, "sip88xx.12-1-1-12", "800,480,24,C"),
    PhoneModel("8865", 36225, "sip8845_65.12-1-1-12", "800,480,24,C"),
    PhoneModel("7965", 436, "SIP45.9-4-2-1S", "298,156,16,C"),
    PhoneModel("7975", 437, "SIP75.9-4-2-1S", "298,156,16,C"),
    PhoneModel("7970", 30006, "SIP70.9-4-2-1S", "298,168,12,C"),
    PhoneModel("7960", 7, "P0S3-8-12-00", "133,65,2,G", supports_emcc=False),
    PhoneModel("3905", 592, "CP3905.9-4-1SR3", "128,32,1,G", supports_emcc=False),
    PhoneModel("IP Communicator", 30016, "CIPC.8-6-6-0", "298,168,12,C", supports_emcc=False),
)

_NAME = re.compile(r"SEP[0-9A-F]{12}")


def find_model(name: str) -> PhoneModel:
    """The model of this name.

    Raises:
        InputError: no such model; the text lists those there are.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise InputError(f"no virtual phone of model {name!r}; there are {', '.join(model.name for model in MODELS)}")


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneIdentity:
    """One phone.

    Raises:
        InputError: the name is not `SEP` and a MAC address.
    """

    name: str
    """Device name, `SEP` and twelve upper-case hex digits."""

    model: PhoneModel = MODELS[1]

    address: str = "127.0.0.1"
    """Source address of everything the phone sends."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(f"{self.name!r} is no device name; write SEP and the MAC address: SEP001122334455")

    @property
    def mac(self) -> str:
        """MAC address, twelve lower-case hex digits."""
        return self.name[3:].lower()


class PhoneNames:
    """Makes one phone's Call-IDs, tags and Session-IDs.

    Args:
        identity: The phone.
        rng: Source of the random words.
    """

    __slots__ = ("_counter", "_identity", "rng")

    def __init__(self, identity: PhoneIdentity, rng: random.Random) -> None:
        self._identity = identity
        self._counter = 0
        self.rng = rng

    def call_id(self) -> str:
        """A new Call-ID."""
        return sip_identity.phone_call_id(self._identity.mac, self._identity.address, self._next(), self.rng)

    def tag(self) -> str:
        """A new From or To tag."""
        return sip_identity.phone_tag(self._identity.mac, self._next(), self.rng)

    def session(self) -> str:
        """The phone's own half of a Session-ID, constant for one call."""
        return sip_identity.phone_session_id(self._identity.mac, self.rng)

    def content_id(self) -> str:
        """Content-ID of a REFER's body."""
        return f"{self.rng.getrandbits(32):08x}@{self._identity.address}"

    def _next(self) -> int:
        self._counter = (self._counter + 1) & 0xFFFF
        return self._counter
