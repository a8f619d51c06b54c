"""The roaming device pool: which of the home cluster's device pools fits where a visiting phone stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from emcc_emu.lab.model import CivicElement, ClusterConfig, Geolocation

__all__ = ["RoamingChoice", "roaming_device_pool"]


@dataclasses.dataclass(frozen=True, slots=True)
class RoamingChoice:
    """The chosen device pool."""

    device_pool: str
    score: int
    """How many elements of the filter agree; 0 if no pool matched and the EMCC template's is taken."""


def roaming_device_pool(cluster: ClusterConfig, phone: Mapping[CivicElement, str]) -> RoamingChoice:
    """The home cluster's best match for a phone.

    A pool is out if one of the filter's elements is known for both and differs, or known for the pool alone. Of the
    others, most equal elements win, then the first name. Without match, filter or geolocation it is the base device's
    own pool. Comparison ignores case and outer blanks.

    Args:
        cluster: The home cluster.
        phone: The phone's geolocation as the visiting cluster sent it.
    """
    geolocation_filter = cluster.geolocation_filters_by_name.get(cluster.emcc.geolocation_filter)
    best = RoamingChoice(cluster.base_devices.device_pool, 0)
    if geolocation_filter is None:
        return best
    for pool in sorted(cluster.device_pools, key=lambda entry: entry.name):
        if not pool.geolocation:
            continue
        score = _score(cluster.geolocations_by_name[pool.geolocation], phone, geolocation_filter.use)
        if score > best.score:
            best = RoamingChoice(pool.name, score)
    return best


def _score(pool: Geolocation, phone: Mapping[CivicElement, str], elements: tuple[CivicElement, ...]) -> int:
    """How many elements agree; 0 if one of the pool's differs."""
    wanted = {name: text for name in elements if (text := _folded(pool.element(name)))}
    agrees = all(_folded(phone.get(name, "")) == text for name, text in wanted.items())
    return len(wanted) if agrees else 0


def _folded(text: str) -> str:
    return text.strip().casefold()
