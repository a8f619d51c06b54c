"""A lab with its control API, in the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from administered_lab import AdministeredLab, administered_lab


@pytest.fixture
async def lab() -> AsyncIterator[AdministeredLab]:
    async with administered_lab() as running:
        yield running
