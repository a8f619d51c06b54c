"""For other people's tests: a lab as a pytest fixture, in a thread of its own, so that blocking clients work.

    def test_my_client_logs_in(emcc_lab):
        client = MyEmClient(emcc_lab.base_url, verify=emcc_lab.ca_file)
        client.login("SEP02AA00000001", "bmiller")
        assert client.who_is_on("SEP02AA00000001") == "bmiller"

The lab is the built-in one with two clusters, or the one that the test's mark names:
`@pytest.mark.emcc_lab("my-lab.yaml")`; the mark also takes a `Lab` built in Python, and the fixture `start_emcc_lab`
starts as many as a test likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest

from emcc_emu.cli.lab_phones import make_phone
from emcc_emu.cluster.cluster import Cluster
from emcc_emu.errors import LabError
from emcc_emu.host.in_process import LabInProcess
from emcc_emu.host.ready import ReadyExample, ReadyFile
from emcc_emu.lab.examples import two_clusters_path
from emcc_emu.lab.faults import FaultKind
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import Lab
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.record import Record
from phones.calls import CallState
from phones.phone import Phone
from phones.screen import page_text

__all__ = ["EmccLab", "EmccPhone", "emcc_lab", "start_emcc_lab"]

TIMEOUT_S = 30.0
"""Longest wait for anything that a lab or a phone is asked to do."""

T = TypeVar("T")


class EmccLab:
    """A running lab that blocking code can use; use it as `with`.

    Args:
        source: A lab file, or a lab built in Python; None is the built-in lab with two clusters.
        directory: Where databases, certificates and packets go; None makes a temporary one.
    """

    def __init__(self, source: Lab | Path | str | None = None, *, directory: Path | None = None) -> None:
        lab = source if isinstance(source, Lab) else load_lab(Path(source or two_clusters_path()))
        self._lab = LabInProcess(lab, directory=directory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"emcc-lab-{lab.name}", daemon=True)
        self._phones: dict[str, EmccPhone] = {}
        self._fault_numbers = itertools.count(1)
        self.ready: ReadyFile
        """Where everything is, as a ready file says it."""

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.call(self._lab.__aenter__())
        except BaseException:
            self._end_thread()
            raise
        self.ready = self._lab.describe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for phone in self._phones.values():
                self.call(phone.phone.power_off())
            self.call(self._lab.__aexit__(None, None, None))
        finally:
            self._end_thread()

    @property
    def base_url(self) -> str:
        """HTTPS base URL of the first cluster's publisher; the EM API is below it at /emservice/EMServiceServlet."""
        return self.url_of(next(iter(self.ready.clusters)))

    @property
    def ca_file(self) -> str:
        """Path of the certificates that a client has to trust."""
        return self.ready.ca_file

    @property
    def example(self) -> ReadyExample:
        """Who and what to try first.

        Raises:
            LabError: the lab names no example.
        """
        if self.ready.example is None:
            raise LabError("the lab has no example; add an `example` to the lab")
        return self.ready.example

    @property
    def trace_directory(self) -> Path:
        """Where the packets are, for `emcc-emu ladder`."""
        return Path(self.ready.trace)

    def packets(self) -> list[Record]:
        """Every packet up to now, oldest first; secrets are overwritten, and what a fault did to a packet is noted."""
        self.run(self._lab.flush_trace)
        return list(open_trace(self.trace_directory).records())

    def url_of(self, cluster: str, *, secure: bool = True) -> str:
        """Base URL of a cluster's publisher."""
        node = self.ready.clusters[cluster].nodes[0]
        return f"https://{node.address}:{node.https}" if secure else f"http://{node.address}:{node.http}"

    def phone(self, name: str = "") -> EmccPhone:
        """A virtual phone of the lab, switched on and registered; the example's visiting phone unless named.

        Raises:
            InputError: the lab has no such phone.
            TransportError: it did not register in time.
        """
        name = name or self.example.visiting_phone
        if name not in self._phones:
            phone = make_phone(self.ready, name, random.Random(name))
            self._phones[name] = EmccPhone(self, phone)
            self.run(phone.power_on)
            self.call(phone.wait_registered(timeout_s=TIMEOUT_S))
        return self._phones[name]

    def status(self, cluster: str) -> dict[str, Any]:
        """What the cluster says of itself, as the control API would."""
        return self.run(self._lab.clusters[cluster].status)

    def advance(self, seconds: float) -> list[str]:
        """Move the lab's calendar forward; the names of the work that ran on the way, in order."""
        return [work.name for work in self.call(self._lab.clock.advance(seconds))]

    @contextlib.contextmanager
    def fault(self, kind: FaultKind, **values: Any) -> Iterator[str]:
        """Let something go wrong while the block runs; gives the fault's name.

            with emcc_lab.fault("link_cut", link=["sanjose", "tokyo"]):
                ...

        Args:
            kind: What goes wrong.
            values: Its fields by the names that a lab file uses, spelt as there: `delay="500 ms"`.

        Raises:
            InputError: they have mistakes; the text lists them.
        """
        name = f"fault {next(self._fault_numbers)}"
        self.run(lambda: [cluster.set_fault(name, {"kind": kind, **values}) for cluster in self.clusters.values()])
        try:
            yield name
        finally:
            self.run(lambda: [cluster.clear_faults(name) for cluster in self.clusters.values()])

    def clear_faults(self, *names: str) -> None:
        """End these faults, those of the lab file included; all faults when none is named."""
        self.run(lambda: [cluster.clear_faults(*names) for cluster in self.clusters.values()])

    @property
    def clusters(self) -> Mapping[str, Cluster]:
        """The running clusters by name. They live in the lab's loop: touch them by `call` and `run` only."""
        return self._lab.clusters

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the lab's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    def run(self, function: Callable[[], T]) -> T:
        """Call a function in the lab's loop and wait for it."""

        async def called() -> T:
            return function()

        return self.call(called())

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()


class EmccPhone:
    """A virtual phone that blocking code can use.

    Attributes:
        phone: The phone itself, which lives in the lab's loop.
    """

    def __init__(self, lab: EmccLab, phone: Phone) -> None:
        self._lab = lab
        self.phone = phone

    @property
    def name(self) -> str:
        """Device name."""
        return self.phone.identity.name

    @property
    def lines(self) -> tuple[str, ...]:
        """Directory numbers on its buttons."""
        return self.phone.directory_numbers

    @property
    def registered_at(self) -> str:
        """Address of the node where it is registered; empty when it is not."""
        node = self.phone.registered_at
        return node[0] if node else ""

    def login(self, user_id: str, pin: str, profile: str = "") -> str:
        """Log in by the service's pages; what the phone displayed. Follow it by `wait_registered`."""
        return page_text(self._lab.call(self.phone.login(user_id, pin, profile)))

    def logout(self) -> str:
        """Log out by the service's pages; what the phone displayed."""
        return page_text(self._lab.call(self.phone.logout()))

    def wait_registered(self, *, at: str) -> None:
        """Wait until it is registered at a node of this cluster.

        Raises:
            TransportError: it was not in time.
        """
        nodes = {node.address for node in self._lab.ready.clusters[at].nodes}
        self._lab.call(self.phone.wait_until(lambda: self.registered_at in nodes, timeout_s=TIMEOUT_S))

    def dial(self, number: str) -> str:
        """Call a number and wait until it is answered or refused; `connected`, or why it ended."""
        call = self._lab.call(self.phone.dial(number))
        settled = (CallState.CONNECTED, CallState.ENDED)
        self._lab.call(self.phone.wait_until(lambda: call.state in settled, timeout_s=TIMEOUT_S))
        return call.end_reason if call.state is CallState.ENDED else call.state.value

    def hang_up(self) -> None:
        """End its calls."""
        self._lab.call(self.phone.calls.hang_up_all())

    def screen(self) -> str:
        """Its screen as text."""
        return self._lab.run(self.phone.draw)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "emcc_lab(lab): the lab file, or the Lab, that the emcc_lab fixture starts")


@pytest.fixture
def start_emcc_lab() -> Iterator[Callable[..., EmccLab]]:
    """Starts labs, as many as a test likes, and stops them after the test."""
    started: list[EmccLab] = []

    def start(source: Lab | Path | str | None = None) -> EmccLab:
        lab = EmccLab(source).__enter__()
        started.append(lab)
        return lab

    yield start
    for lab in started:
        lab.__exit__(None, None, None)


@pytest.fixture
def emcc_lab(request: pytest.FixtureRequest, start_emcc_lab: Callable[..., EmccLab]) -> EmccLab:
    """A running lab: the one that the test's `emcc_lab` mark names, else the built-in one with two clusters."""
    mark = request.node.get_closest_marker("emcc_lab")
    return start_emcc_lab(mark.args[0] if mark else None)
