"""Both ends of a transfer over a link that loses, doubles and reorders packets: hours of time, no sockets."""

from __future__ import annotations

import dataclasses
import heapq
import math
import random

import pytest

from emcc_emu.protocol.tftp_events import Delivered, GaveUp, Received
from emcc_emu.protocol.tftp_receive import ReceiveTransfer
from emcc_emu.protocol.tftp_send import SendTransfer
from emcc_emu.wire.tftp import Options, ReadRequest, parse_packet

Address = tuple[str, int]

CLIENT = ("192.0.2.7", 50000)
LISTENING = ("192.0.2.10", 69)
PORT = ("192.0.2.10", 40000)


@dataclasses.dataclass
class Weather:
    """What happens to a packet on the way; the chances are per packet."""

    loss: float = 0.0
    duplication: float = 0.0
    max_delay_s: float = 0.001


class Link:
    """A client and a server in one heap of packets in flight."""

    def __init__(self, content: bytes, options: Options, weather: Weather, seed: int) -> None:
        self.content = content
        self.weather = weather
        self.rng = random.Random(seed)
        self.now = 0.0
        self.flying: list[tuple[float, int, bytes, Address, Address]] = []
        self.launched = 0
        self.sent_by_server: list[bytes] = []
        self.client = ReceiveTransfer(LISTENING, "f", now=0.0, options=options, linger_s=30.0)
        self.server: SendTransfer | None = None
        self.events: list[object] = []

    def run(self) -> None:
        self.collect()
        while (moment := min(self.next_arrival(), self.next_deadline())) != math.inf:
            assert moment < 3600, "a transfer must end"
            self.now = moment
            if moment == self.next_arrival():
                self.deliver(*heapq.heappop(self.flying)[2:])
            else:
                self.client.handle_deadline(moment)
                if self.server is not None:
                    self.server.handle_deadline(moment)
            self.collect()

    def next_arrival(self) -> float:
        return self.flying[0][0] if self.flying else math.inf

    def next_deadline(self) -> float:
        return min(self.client.next_deadline(), self.server.next_deadline() if self.server else math.inf)

    def deliver(self, datagram: bytes, source: Address, destination: Address) -> None:
        if destination == CLIENT:
            self.client.receive(datagram, source, self.now)
        elif destination == PORT and self.server is not None:
            self.server.receive(datagram, source, self.now)
        elif self.server is None:
            request = parse_packet(datagram)
            assert isinstance(request, ReadRequest)
            self.server = SendTransfer(self.content, source, now=self.now, options=request.options)

    def collect(self) -> None:
        for datagram, destination in self.client.take_outgoing():
            self.launch(datagram, CLIENT, destination)
        self.events += self.client.take_events()
        if self.server is not None:
            for datagram, destination in self.server.take_outgoing():
                self.sent_by_server.append(datagram)
                self.launch(datagram, PORT, destination)
            self.events += self.server.take_events()

    def launch(self, datagram: bytes, source: Address, destination: Address) -> None:
        copies = 2 if self.rng.random() < self.weather.duplication else 1
        for _ in range(copies):
            if self.rng.random() >= self.weather.loss:
                self.launched += 1
                arrival = self.now + self.rng.uniform(0.0005, 0.0005 + self.weather.max_delay_s)
                heapq.heappush(self.flying, (arrival, self.launched, datagram, source, destination))

    @property
    def has_arrived(self) -> bool:
        return Received(self.content) in self.events


OPTIONS: list[Options] = [
    (),
    (("blksize", "64"), ("tsize", "0")),
    (("blksize", "64"), ("windowsize", "5")),
    (("timeout", "2"),),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(40))
def test_the_file_arrives_or_both_ends_know_that_it_did_not(options: Options, seed: int) -> None:
    rng = random.Random(seed)
    weather = Weather(loss=rng.choice([0.02, 0.1, 0.3, 0.6]), duplication=rng.random() / 2, max_delay_s=rng.random())
    link = Link(rng.randbytes(rng.randrange(4000)), options, weather, seed)
    link.run()
    gave_up = [event for event in link.events if isinstance(event, GaveUp)]
    ends = 1 if link.server is None else 2
    assert len(link.events) == ends
    if Delivered(len(link.content)) in link.events:
        assert link.has_arrived
    assert link.has_arrived or len(gave_up) == ends


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(10))
def test_some_loss_delays_the_file_but_does_not_stop_it(options: Options, seed: int) -> None:
    content = random.Random(seed).randbytes(3000)
    link = Link(content, options, Weather(loss=0.05, duplication=0.1, max_delay_s=0.2), seed)
    link.run()
    assert link.has_arrived and Delivered(3000) in link.events


@pytest.mark.parametrize("options", OPTIONS)
def test_when_every_packet_is_doubled_each_block_is_still_sent_once(options: Options) -> None:
    link = Link(bytes(5000), options, Weather(duplication=1.0), seed=1)
    link.run()
    assert link.has_arrived
    if not dict(options).get("windowsize"):
        assert len(link.sent_by_server) == len(set(link.sent_by_server))


def test_reordered_windows_cost_no_more_than_one_window_per_block() -> None:
    link = Link(bytes(6400), (("blksize", "64"), ("windowsize", "5")), Weather(max_delay_s=0.3), seed=3)
    link.run()
    assert link.has_arrived
    assert len(link.sent_by_server) <= 5 * 101 + 1
