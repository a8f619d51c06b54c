"""A lab and its fleet of phones, each cluster and the fleet in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import common

FOLDER = Path(__file__).resolve().parent


class Lab:
    """A running `emcc-emu up`."""

    def __init__(self, process: subprocess.Popen[bytes], ready_file: Path) -> None:
        self.process = process
        self.ready_file = ready_file
        self.ready: dict[str, Any] = json.loads(ready_file.read_text())

    def node(self, cluster: str) -> dict[str, Any]:
        """Address and ports of a cluster's first node."""
        found: dict[str, Any] = self.ready["clusters"][cluster]["nodes"][0]
        return found

    def worker(self, cluster: str) -> int:
        """Process id of a cluster: the one that has its database open."""
        database = os.path.realpath(self.ready["clusters"][cluster]["database"])
        return next(
            member
            for member in common.group_of(self.process)
            if any(os.path.realpath(opened) == database for opened in Path(f"/proc/{member}/fd").iterdir())
        )


class Fleet:
    """The phones' process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def do(self, order: str) -> dict[str, Any]:
        """Give an order of `fleet.py` and wait for what came of it."""
        assert self.process.stdin is not None and self.process.stdout is not None  # it is piped
        self.process.stdin.write(f"{order}\n".encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the fleet ended at {order!r}")
        outcome: dict[str, Any] = json.loads(answer)
        if outcome["ok"] != outcome["attempted"]:
            raise RuntimeError(f"{order}: {outcome}")
        return outcome

    def end(self) -> None:
        """Switch every phone off and let the process end by itself."""
        self.process.communicate(timeout=common.START_TIMEOUT_S)


@contextlib.contextmanager
def running_lab(
    name: str,
    folder: Path,
    *,
    core: int | None,
    is_recorded: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Lab]:
    """Start the lab file of this name in a free block of addresses, its state under `folder`."""
    ready_file = folder / "ready.json"
    command = [sys.executable, "-m", "emcc_emu", "up", str(FOLDER / name), "--ephemeral", "--plain"]
    command += ["--state", str(folder / "state"), "--control", "127.0.0.1:0", "--ready-file", str(ready_file)]
    command += [] if is_recorded else ["--no-trace"]
    with common.child(command, core, environment=environment) as process:
        common.wait_for(ready_file.exists, process)
        yield Lab(process, ready_file)


@contextlib.contextmanager
def fleet_of(lab: Lab, cluster: str, environment: Mapping[str, str] | None = None) -> Iterator[Fleet]:
    """The fleet of a cluster's phones, all switched off."""
    command = [sys.executable, str(FOLDER / "fleet.py"), str(lab.ready_file), cluster]
    with common.child(command, None, is_piped=True, environment=environment) as process:
        yield Fleet(process)
