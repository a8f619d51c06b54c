"""What carries one shard of a load: a process of this machine, or a worker on another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from phones.load.messages import Order, Report, ShardJob

__all__ = ["Carrier"]


class Carrier(Protocol):
    """Carries one shard, once."""

    @property
    def order_delay_s(self) -> float:
        """Time that an order may take to reach the shard; the common start is so far ahead."""

    @property
    def ending(self) -> str:
        """Why there are no more reports."""

    async def start(self, job: ShardJob) -> None:
        """Let the shard boot its phones."""

    def reports(self) -> AsyncIterator[Report]:
        """What the shard tells, until it is over or lost."""

    def order(self, order: Order) -> None:
        """Pass an order on to the shard, after those before it."""

    async def close(self) -> None:
        """End the shard, whatever it is doing."""
