"""The load generator and what it drives: a boot storm, phones kept alive, EM logins, arrivals, and SIPp beside us.

Run it for itself: `python scripts/benchmarks/load.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import common
import lab

from emcc_emu.host.ready import read_ready_file
from phones.downloads import FileServer
from phones.fleet import Fleet
from phones.identity import PhoneIdentity, find_model

LAB = "load-lab.yaml"
CLUSTER = "bench"
PHONES = 20_000
"""Phones to which the cost of keeping one alive is extrapolated, and phones of the lab."""

USERS = 200
REFRESH_S = 115.0
"""Gap between two refreshes of a phone at the default keepalive interval."""

LAB_REFRESH_S = 25.0
"""The same gap in this lab, so that a short look sees every phone refresh."""

BUSY_LAB = lab.FOLDER.parents[1] / "fixtures" / "labs" / "many-phones.yaml"
BUSY_RATE_PER_S = 12
"""80 % of what the lab takes: five logins of 300 ms at a time, at each cluster."""

CONNECTIONS = 16
GENERATOR_PHONES = 200
SIPP_REFRESHES_PER_S = 50
"""How often each of SIPp's phones registers, for a round of about the length that is wanted."""

LOGIN = (
    "<request><appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
    "<login><deviceName>SEP02CC{phone:08X}</deviceName><userID>user{user:04d}</userID></login></request>"
)

SCENARIO = """
name: arrivals
phones: {{cluster: sanjose, count: 300}}
users: {{roaming: {{user_id: "user{{0001}}", pin: "13579", people: 300}}}}
sessions: {{roam: {{users: roaming, do: [login, logout]}}}}
load: {{rate: {rate}/s, duration: {seconds} s}}
"""

SIPP_CONTACT = (
    '<sip:[field1]@[local_ip]:[local_port];transport=[transport]>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-'
    '[field1]>";+u.sip!devicename.ccm.cisco.com="SEP[field2]";+u.sip!model.ccm.cisco.com="621"'
)
SIPP_UAC = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="REGISTER">
<nop><action><assign assign_to="sent" value="0"/></action></nop>
<label id="1"/>
<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[field1]-[$sent]
From: <sip:[field0]@[remote_ip]>;tag=[field1]0001
To: <sip:[field0]@[remote_ip]>
Call-ID: [call_id]
Max-Forwards: 70
CSeq: [cseq] REGISTER
User-Agent: Cisco-CP7821/12.1.1
Contact: {contact}
Supported: replaces,join,sdp-anat,norefersub,resource-priority,extended-refer
Expires: 3600
Content-Length: 0

]]></send>
<recv response="100" optional="true"></recv>
<recv response="200" next="1" test="again"><action>
<add assign_to="sent" value="1"/><test assign_to="again" variable="sent" compare="less_than" value="{refreshes}"/>
</action></recv>
</scenario>
"""


def run(
    phones: int = 5000,
    rounds: int = 3,
    seconds: float = 2.0,
    watched_s: float = LAB_REFRESH_S,
    settled_s: float = LAB_REFRESH_S,
    arrivals_s: float = 20.0,
) -> dict[str, common.Comparison]:
    """Measure everything.

    Args:
        phones: How many boot and are kept alive.
        rounds: Of EM logins, and of the generators.
        seconds: Length of a round.
        watched_s: How long the phones that are kept alive are watched.
        settled_s: How long they are left alone before, so that every phone has begun to refresh.
        arrivals_s: Length of the load whose arrivals are judged.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(lab.running_lab(LAB, folder, core=None))
        generators = _generators(running, folder, rounds, seconds)
        logins = _em_logins(running, rounds, seconds)
        boots = _boot_storm(running, phones, watched_s, settled_s)
    return generators | logins | boots | _arrivals(arrivals_s)


def _boot_storm(running: lab.Lab, phones: int, watched_s: float, settled_s: float) -> dict[str, common.Comparison]:
    """Phones boot as fast as they can, fetching their files; then they are left alone but for their refreshes."""
    with lab.fleet_of(running, CLUSTER) as fleet:
        outcome = fleet.do(f"on {phones}")
        processes = {"cluster": running.worker(CLUSTER), "fleet": fleet.process.pid}
        time.sleep(settled_s)
        before = {side: common.cpu_s(process) for side, process in processes.items()}
        time.sleep(watched_s)
        used_s = {side: common.cpu_s(process) - before[side] for side, process in processes.items()}
    refreshes = phones * watched_s / LAB_REFRESH_S
    result = {"boot storm": _figure(outcome["ok"] / outcome["duration_s"], "phones/s")}
    for side, seconds in used_s.items():
        share = seconds / refreshes * PHONES / REFRESH_S
        kept = _figure(100 * share, "% of a core")
        kept["notes"] = [f"{1e6 * seconds / refreshes:.0f} µs a refresh"]
        result[f"{PHONES} phones kept alive, {side} side"] = kept
    return result


def _em_logins(running: lab.Lab, rounds: int, seconds: float) -> dict[str, common.Comparison]:
    """Logins through the EM API, each on a phone of its own, which is not registered."""
    node, rates, first = running.node(CLUSTER), [], 1
    for _ in range(rounds):
        before = common.cpu_s(running.worker(CLUSTER))
        done = log_in(node["address"], node["http"], first, seconds)
        rates.append(done / (common.cpu_s(running.worker(CLUSTER)) - before))
        first += done + CONNECTIONS
    return {"EM logins through the EM API": _figure(max(rates), "logins/s")}


def log_in(address: str, port: int, first: int, seconds: float) -> int:
    """Log in on one phone after another, from `first` on, over kept-alive connections; how many were done."""
    phone, done = first, 0
    connections: dict[int, socket.socket] = {}
    poll = select.epoll()

    def send(connection: socket.socket) -> None:
        nonlocal phone
        body = f"xml={quote_plus(LOGIN.format(phone=phone, user=phone % USERS + 1))}"
        head = f"POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: {address}:{port}\r\n"
        form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        connection.send((head + form).encode())
        phone += 1

    for _ in range(CONNECTIONS):
        connection = socket.create_connection((address, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
        send(connection)
    end = time.perf_counter() + seconds
    while connections:
        for number, _ in poll.poll():
            answer = connections[number].recv(65536)
            if b"<success" not in answer:
                raise RuntimeError(f"a login failed: {answer!r}")
            done += 1
            if time.perf_counter() < end and phone < PHONES:
                send(connections[number])
            else:
                poll.unregister(number)
                connections.pop(number).close()
    return done


def _generators(running: lab.Lab, folder: Path, rounds: int, seconds: float) -> dict[str, common.Comparison]:
    """Registrations per second of the generator's own CPU time, ours and SIPp's, of the same users at one registrar."""
    ours: list[float] = []
    theirs: list[float] = []
    sipp = shutil.which("sipp")
    for _ in range(rounds):
        command = [sys.executable, str(Path(__file__)), "--refresh", str(running.ready_file), str(seconds)]
        ours.append(float(subprocess.run(command, check=True, capture_output=True).stdout))
        if sipp is not None:
            theirs.append(_sipp_rate(sipp, running, folder, max(5, round(SIPP_REFRESHES_PER_S * seconds))))
    return {"registrations by the fleet": common.compare("per CPU second", ours, {"SIPp": theirs} if theirs else {})}


def _sipp_rate(sipp: str, running: lab.Lab, folder: Path, refreshes: int) -> float:
    """SIPp's rate: a call a user, each over a TCP connection of its own as phones have, registering again and again."""
    node = running.node(CLUSTER)
    scenario, users, figures = folder / "uac.xml", folder / "users.csv", folder / "sipp.csv"
    scenario.write_text(SIPP_UAC.format(contact=SIPP_CONTACT, refreshes=refreshes))
    rows = [f"{500000 + phone};02cc{phone + 1:08x};02CC{phone + 1:08X}" for phone in range(GENERATOR_PHONES)]
    users.write_text("\n".join(["SEQUENTIAL", *rows, ""]))
    command = [sipp, f"{node['address']}:{node['sip']}", "-sf", str(scenario), "-inf", str(users), "-nostdin"]
    command += ["-i", "127.0.0.1", "-t", "tn", "-max_socket", "1000", "-r", "2000"]
    command += ["-m", str(GENERATOR_PHONES), "-timeout", "30s", "-trace_stat", "-fd", "60", "-stf", str(figures)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    head, *_, last = figures.read_text().strip().split("\n")
    done = int(dict(zip(head.split(";"), last.split(";"), strict=False))["SuccessfulCall(C)"])
    if done < GENERATOR_PHONES:
        raise RuntimeError(f"SIPp registered {done} of {GENERATOR_PHONES} phones to the end")
    return done * refreshes / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


async def refresh(ready_file: str, seconds: float) -> float:
    """Let phones refresh their registration over and over; refreshes per second of this process's CPU time."""
    ready = read_ready_file(Path(ready_file))
    entries = [phone for phone in ready.phones if phone.cluster == CLUSTER][:GENERATOR_PHONES]
    servers = [FileServer(node.address, node.tftp, node.tftp_http) for node in ready.clusters[CLUSTER].nodes]
    identities = [PhoneIdentity(entry.name, find_model(entry.model), "127.0.0.1") for entry in entries]
    fleet = Fleet(identities, servers, rng=random.Random(1))
    async with fleet.switched_on():
        registrations = [phone.registration for phone in fleet.phones if phone.registration is not None]
        first = sent = sum(registration.refreshes for registration in registrations)
        began_s, end = time.process_time(), time.monotonic() + seconds
        while time.monotonic() < end:
            if (done := sum(registration.refreshes for registration in registrations)) >= sent:
                for registration in registrations:
                    registration.refresh()
                sent = done + len(registrations)
            await asyncio.sleep(0.001)
        done = sum(registration.refreshes for registration in registrations)
        return (done - first) / (time.process_time() - began_s)


def _arrivals(seconds: float) -> dict[str, common.Comparison]:
    """How late sessions of the open model begin at 80 % of the limit: 99 in 100 are not later."""
    with _load_figures(seconds) as figures:
        result = _figure(figures["arrivals_late_ms"]["p99"], "ms")
        result["notes"] = [
            f"{figures['sessions']['due']} arrivals, the latest {figures['arrivals_late_ms']['max']} ms late"
        ]
    return {"arrivals later than planned, 99 %": result}


@contextlib.contextmanager
def _load_figures(seconds: float) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        scenario, figures = Path(name) / "scenario.yaml", Path(name) / "figures.json"
        scenario.write_text(SCENARIO.format(rate=BUSY_RATE_PER_S, seconds=seconds) + f"lab: {BUSY_LAB}\n")
        command = [sys.executable, "-m", "emcc_emu", "load", str(scenario), "--no-trace", "--json", str(figures)]
        subprocess.run(command, check=True, capture_output=True)
        yield json.loads(figures.read_bytes())


def _figure(value: float, unit: str) -> common.Comparison:
    return common.Comparison(figure=value, unit=unit, peers={}, ratio={})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--refresh"]:
        print(asyncio.run(refresh(sys.argv[2], float(sys.argv[3]))))
    else:
        print(json.dumps(run(), indent=2))
