"""Load on a SIP registrar or server over UDP, from one process on its own core; prints how many it answered.

`python scripts/benchmarks/sip_load.py KIND TARGET_IP TARGET_PORT SOURCE_IP SECONDS`, KIND one of `options`,
`register` (the full one, with bodies) and `refresh`.  A fixed number of requests is under way at any time, each with
a branch of its own; what is lost is sent anew.
"""

from __future__ import annotations

import socket
import sys
import time

WINDOW = 256
TICK_S = 0.001
PHONES = 200
STALLED_S = 0.2

OPTIONS = (
    "OPTIONS sip:{target}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{local};branch=z9hG4bK{{n:x}}\r\n"
    "From: <sip:{source}>;tag=305419896\r\nTo: <sip:{target}>\r\nDate: Thu, 01 Jan 2026 00:01:00 GMT\r\n"
    "Call-ID: a1b3d900-{{n:x}}-13-0a6433c6@{source}\r\nUser-Agent: Cisco-CUCM14.0\r\nCSeq: 101 OPTIONS\r\n"
    "Contact: <sip:{source}:{local}>\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n"
)

BODY = (
    "--uniqueBoundary\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n"
    "Content-Disposition: session;handling=optional\r\n\r\n"
    '<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-remotecc-request>\n<bulkregisterreq>\n<contact all="true">\n'
    "<register></register>\n</contact>\n</bulkregisterreq>\n</x-cisco-remotecc-request>\n\r\n--uniqueBoundary\r\n"
    "Content-Type: application/x-cisco-remotecc-request+xml\r\n"
    "Content-Disposition: session;handling=optional\r\n\r\n"
    '<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-remotecc-request>\n  <optionsind>\n    <combine max="6">\n'
    "      <remotecc>\n        <status></status>\n      </remotecc>\n      <service-control></service-control>\n"
    '    </combine>\n    <dialog usage="hook status">\n      <unot></unot>\n      <sub></sub>\n    </dialog>\n'
    '    <dialog usage="shared line">\n      <unot></unot>\n      <sub></sub>\n    </dialog>\n'
    '    <presence usage="blf speed dial">\n      <unot></unot>\n      <sub></sub>\n    </presence>\n'
    "    <joinreq></joinreq>\n  </optionsind>\n</x-cisco-remotecc-request>\r\n--uniqueBoundary--\r\n"
)

REGISTER = (
    "REGISTER sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{local};branch=z9hG4bK{{n:x}}\r\n"
    "From: <sip:{{dn}}@{target}>;tag={{mac}}0001\r\nTo: <sip:{{dn}}@{target}>\r\n"
    "Call-ID: {{call}}-00010003-1b2c3d4e-5f607182@{source}\r\nMax-Forwards: 70\r\n"
    "Date: Thu, 01 Jan 2026 00:00:05 GMT\r\nCSeq: {{n}} REGISTER\r\nUser-Agent: Cisco-CP7821/12.1.1\r\n"
    "Contact: <sip:0f5a6e10-7777-4a1b-8c21-{{mac}}@{source}:{local};transport=udp>;"
    '+sip.instance="<urn:uuid:00000000-0000-0000-0000-{{mac}}>";'
    '+u.sip!devicename.ccm.cisco.com="SEP{{MAC}}";+u.sip!model.ccm.cisco.com="621"\r\n'
    "Supported: replaces,join,sdp-anat,norefersub,extended-refer,X-cisco-callinfo,X-cisco-service-control,"
    "X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config,X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1\r\n"
)
FULL = (
    'Reason: SIP;cause=200;text="cisco-alarm:25 Name=SEP{{MAC}} ActiveLoad=sip78xx.12-1-1-12.loads '
    'InactiveLoad=sip78xx.10-3-1-12.loads Last=initialized"\r\nExpires: 3600\r\n'
    "Content-Type: multipart/mixed; boundary=uniqueBoundary\r\nMime-Version: 1.0\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
)
REFRESH = "Expires: 3600\r\nContent-Length: 0\r\n\r\n"


def mac_of(phone: int) -> str:
    """MAC address of a phone of the load; the benchmark's lab counts them the same way."""
    return f"02cc{phone + 1:08x}"


def number_of(phone: int) -> int:
    """Directory number of that phone."""
    return 500000 + phone


class Load:
    """One run of load from one socket."""

    def __init__(self, kind: str, target: tuple[str, int], source: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((source, 0))
        self.socket.connect(target)
        self.socket.setblocking(False)
        names = {"target": target[0], "port": target[1], "source": source, "local": self.socket.getsockname()[1]}
        self.kind = kind
        self.options = OPTIONS.format(**names)
        self.register = (REGISTER + FULL).format(**names)
        self.refresh = (REGISTER + REFRESH).format(**names)
        self.count = int(time.time()) % 900 * 1_000_000  # nobody sends more in a second, so no branch comes twice
        self.answered = 0

    def request(self, kind: str, phone: int) -> bytes:
        """The next request; every one is a transaction of its own."""
        self.count += 1
        number = self.count
        if kind == "options":
            return self.options.format(n=number).encode()
        mac = mac_of(phone)
        template = self.register if kind == "register" else self.refresh
        call = f"{number:08x}" if kind == "register" else mac
        return template.format(n=number, dn=number_of(phone), mac=mac, MAC=mac.upper(), call=call).encode()

    def run(self, seconds: float) -> int:
        """Keep the window full for that long; number of final answers."""
        if self.kind == "refresh":
            for phone in range(PHONES):
                self.socket.send(self.request("refresh", phone))
                self.poll()
        end = time.perf_counter() + seconds
        phones = 0
        in_flight = 0
        while time.perf_counter() < end:
            while in_flight < WINDOW:
                self.socket.send(self.request(self.kind, phones % PHONES))
                phones += 1
                in_flight += 1
            answered = self.poll()
            in_flight = in_flight - answered if answered else 0
        while in_flight > 0 and (answered := self.poll()):
            in_flight -= answered
        return self.answered

    def poll(self) -> int:
        """Wait for final answers, looking once a tick; how many came, 0 when none did for long.

        It neither sleeps until the server wakes it, nor spins on the next core: either costs the server about as much
        as a request does, the more so in a virtual machine whose cores are the two halves of one.
        """
        for _ in range(int(STALLED_S / TICK_S)):
            time.sleep(TICK_S)
            if answered := self.drain():
                return answered
        return 0

    def drain(self) -> int:
        """Read what has come; how many requests were answered."""
        final = 0
        while True:
            try:
                datagram = self.socket.recv(65535)
            except BlockingIOError:
                self.answered += final
                return final
            if datagram.startswith(b"SIP/2.0 200"):
                final += 1
            elif not datagram.startswith(b"SIP/2.0 "):
                self.answer(datagram)

    def answer(self, request: bytes) -> None:
        """Accept what the server asks of a phone, so that it does not ask again."""
        kept = [
            line
            for line in request.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]
            if line.split(b":", 1)[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
        ]
        self.socket.send(b"SIP/2.0 202 Accepted\r\n" + b"\r\n".join(kept) + b"\r\nContent-Length: 0\r\n\r\n")


def main() -> None:
    kind, target, port, source, seconds = sys.argv[1:]
    print(Load(kind, (target, int(port)), source).run(float(seconds)))


if __name__ == "__main__":
    main()
