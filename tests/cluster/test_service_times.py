"""Extra service times are as given, vary around it as those of a real node do, or are drawn from a trace."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import pytest

from emcc_emu.cluster.recorded_times import answer_times, read_answer_times
from emcc_emu.cluster.service_times import ServiceTimer, varied
from emcc_emu.lab.parameters import ServiceTimes
from emcc_emu.trace.record import Address, Record
from emcc_emu.trace.recorder import Recorder


def test_fixed_times_are_as_given() -> None:
    assert varied(1.5, ServiceTimes(), random.Random(1)) == 1.5


def test_log_normal_times_have_what_is_given_as_their_median() -> None:
    rng = random.Random(1)
    drawn = [varied(2.0, ServiceTimes(spread="log_normal", spread_percent=50), rng) for _ in range(2001)]
    assert statistics.median(drawn) == pytest.approx(2.0, rel=0.05)
    assert sum(time_s > 2.0 * 1.65 for time_s in drawn) / len(drawn) == pytest.approx(1 / 6, abs=0.03)


def test_what_takes_no_time_takes_none() -> None:
    assert varied(0.0, ServiceTimes(spread="log_normal"), random.Random(1)) == 0.0


PHONE, NODE = ("192.0.2.50", 40000), ("192.0.2.10", 8080)
SUCCESS = "<response><success/></response>"
FAILURE = '<response><failure><error code="26"/></failure></response>'


def http(at_s: float, source: Address, destination: Address, text: str) -> Record:
    return Record(round(at_s * 1e9), "http", "tcp", source, destination, text.encode())


def request(at_s: float, operation: str) -> Record:
    body = f"<request><{operation}><deviceName>SEP02AA00000001</deviceName></{operation}></request>"
    return http(at_s, PHONE, NODE, f"POST /emservice/EMServiceServlet HTTP/1.1\r\n\r\n{body}")


def answer(at_s: float, body: str = SUCCESS) -> Record:
    return http(at_s, NODE, PHONE, f"HTTP/1.1 200 OK\r\n\r\n{body}")


def page(at_s: float) -> Record:
    return http(at_s, PHONE, NODE, "GET /emapp/EMAppServlet?device=SEP02AA00000001&userid=ann HTTP/1.1\r\n\r\n")


def test_a_trace_tells_how_long_answers_took() -> None:
    records = [request(1, "login"), answer(1.5), request(2, "logout"), answer(2.25), request(3, "login"), answer(4.5)]
    assert answer_times(records) == {"login": (0.5, 1.5), "logout": (0.25,)}


def test_refusals_do_not_count() -> None:
    assert answer_times([request(1, "login"), answer(1.01, FAILURE)]) == {}


def test_pages_stand_for_operations_that_a_trace_does_not_have() -> None:
    records = [page(1), answer(3, "<CiscoIPPhoneText><Text>Login successful</Text></CiscoIPPhoneText>")]
    assert answer_times(records) == {"login": (2.0,)}
    assert answer_times([*records, request(4, "login"), answer(4.5)]) == {"login": (0.5,)}


@pytest.fixture
def trace(tmp_path: Path) -> str:
    """A trace of one answered login."""
    with Recorder(tmp_path, recorder_name="earlier", is_recorded_peer=lambda address: False) as recorder:
        recorder.received("http", "tcp", NODE, PHONE, request(0, "login").payload)
        recorder.sent("http", "tcp", NODE, PHONE, answer(0).payload)
    return str(tmp_path)


async def test_times_are_drawn_from_the_trace_and_given_for_what_it_does_not_have(trace: str) -> None:
    timer, times = ServiceTimer(random.Random(1)), ServiceTimes(from_trace=trace, login_s=600, logout_s=700)
    assert await timer.draw("login", times) in read_answer_times(trace)["login"]
    assert await timer.draw("logout", times) == 700


async def test_a_trace_that_is_not_there_leaves_the_given_times() -> None:
    times = ServiceTimes(from_trace="no-such-trace", login_s=600)
    assert await ServiceTimer(random.Random(1)).draw("login", times) == 600
