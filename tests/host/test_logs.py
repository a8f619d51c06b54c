"""A cluster's log: events as JSON lines, bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from emcc_emu.host.logs import BoundedLog, configure_logs


@pytest.fixture(autouse=True)
def defaults_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_events_become_json_lines(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "tokyo.log")
    configure_logs(log)
    structlog.get_logger("test").info("phone_registered", device="SEP02AA00000001", where=Path("/x"))
    structlog.get_logger("test").debug("never_formatted")
    log.close()
    (line,) = (tmp_path / "tokyo.log").read_text().splitlines()
    event = json.loads(line)
    assert (event["event"], event["device"], event["where"]) == ("phone_registered", "SEP02AA00000001", "/x")


def test_a_full_log_is_turned_over_and_the_one_before_is_dropped(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "tokyo.log", max_bytes=10)
    for line in (b"first\n", b"second\n", b"third\n"):
        log.write(line)
    log.close()
    assert (tmp_path / "tokyo.log").read_bytes() == b"third\n"
    assert (tmp_path / "tokyo.log.1").read_bytes() == b"second\n"


def test_a_log_is_continued(tmp_path: Path) -> None:
    for line in (b"first\n", b"second\n"):
        log = BoundedLog(tmp_path / "tokyo.log")
        log.write(line)
        log.close()
    assert (tmp_path / "tokyo.log").read_bytes() == b"first\nsecond\n"
