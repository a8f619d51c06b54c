"""Phone models: their numbers on the wire and what they can do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

__all__ = ["PHONE_MODELS", "THIRD_PARTY_MODEL", "ModelName", "PhoneModel"]

ModelName = Literal[
    "7811", "7821", "7841", "7861", "7832", "8811", "8832", "8841", "8845", "8851", "8861", "8865", "7960",
    "IP Communicator", "Third-party SIP",
]  # fmt: skip
"""A phone model that a lab can name."""

THIRD_PARTY_MODEL: ModelName = "Third-party SIP"


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneModel:
    """What the cluster knows of a model."""

    name: ModelName
    """Name as in the lab file."""

    model: int
    """Number in the SIP Contact parameter `+u.sip!model.ccm.cisco.com` and in `loadInformation` elements."""

    product: int
    """Number in messages between EM services. Only the 7821's (508) is public; others repeat the model number."""

    supports_emcc: bool
    """Whether the phone feature list has EMCC for it (code 32, or 213, when not)."""

    max_lines: int
    """Line buttons."""


_MODELS = (
    PhoneModel("7811", model=36213, product=36213, supports_emcc=True, max_lines=1),
    PhoneModel("7821", model=621, product=508, supports_emcc=True, max_lines=2),
    PhoneModel("7841", model=622, product=622, supports_emcc=True, max_lines=4),
    PhoneModel("7861", model=623, product=623, supports_emcc=True, max_lines=16),
    PhoneModel("7832", model=36247, product=36247, supports_emcc=True, max_lines=1),
    PhoneModel("8811", model=36217, product=36217, supports_emcc=True, max_lines=10),
    PhoneModel("8832", model=36258, product=36258, supports_emcc=True, max_lines=1),
    PhoneModel("8841", model=683, product=683, supports_emcc=True, max_lines=10),
    PhoneModel("8845", model=36224, product=36224, supports_emcc=True, max_lines=10),
    PhoneModel("8851", model=684, product=684, supports_emcc=True, max_lines=10),
    PhoneModel("8861", model=685, product=685, supports_emcc=True, max_lines=10),
    PhoneModel("8865", model=36225, product=36225, supports_emcc=True, max_lines=10),
    PhoneModel("7960", model=7, product=7, supports_emcc=False, max_lines=6),
    PhoneModel("IP Communicator", model=30016, product=30016, supports_emcc=False, max_lines=8),
    PhoneModel(THIRD_PARTY_MODEL, model=374, product=374, supports_emcc=False, max_lines=8),
)

PHONE_MODELS: Mapping[str, PhoneModel] = MappingProxyType({model.name: model for model in _MODELS})
"""Every model by its name."""
