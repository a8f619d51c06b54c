"""A phone that lives through the EMCC story and vanishes after its Nth packet, as if its cable was pulled.

Arguments: device name, its address, address of its TFTP server, user, PIN, extension, emergency number. Each line on
standard input is an N; the answer is a line: `vanished` and the packet's first line, `finished`, or `failed` and why.
Every life is a fork of this process, so that vanishing costs the kernel's closing of the sockets and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys

import structlog

from phones.calls import CallState
from phones.downloads import FileServer
from phones.identity import PhoneIdentity
from phones.phone import Phone

PATIENCE_S = 5.0


class Fuse:
    """Stands where a recorder would: sees every packet, and ends the process once the Nth one has left."""

    def __init__(self, last: int) -> None:
        self.left = last

    def sent(self, protocol: str, transport: str, local: object, remote: object, payload: bytes, *more: str) -> None:
        self.left -= 1
        if not self.left:
            line = payload[:200].partition(b"\r\n")[0].decode(errors="replace")
            asyncio.get_running_loop().call_soon(end, f"vanished {protocol} {line!r}")

    def received(self, *packet: object) -> None:
        return


def end(outcome: str) -> None:
    os.write(1, f"{outcome}\n".encode())
    os._exit(0)


async def call(phone: Phone, number: str) -> None:
    placed = await phone.dial(number)
    await phone.wait_until(lambda: placed.state in (CallState.CONNECTED, CallState.ENDED), PATIENCE_S)
    assert placed.state is CallState.CONNECTED, f"call to {number}: {placed.end_reason}"
    await phone.calls.hang_up(placed)


async def live(last: int, arguments: list[str]) -> None:
    """Boot, log in, call an extension and the emergency number, log out."""
    name, address, server, user, pin, extension, emergency = arguments
    identity = PhoneIdentity(name, address=address)
    fuse = Fuse(last)
    phone = Phone(identity, [FileServer(server, tftp_port=6969)], rng=random.Random(last), recorder=fuse)  # type: ignore[arg-type]
    async with phone:
        await phone.wait_registered(timeout_s=PATIENCE_S)
        await phone.login(user, pin)
        await phone.wait_registered(after=1, timeout_s=PATIENCE_S)
        await call(phone, extension)
        await call(phone, emergency)
        await phone.logout()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            asyncio.run(live(int(line), sys.argv[1:]))
        except BaseException as error:
            end(f"failed {error!r}")
        end("finished")


if __name__ == "__main__":
    main()
